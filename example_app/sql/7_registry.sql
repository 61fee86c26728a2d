-- The changes of fraiseql.tenants are announced, so that a suspension is felt at once in every
-- process of the service. What this calls stands in fraiseql_strawberry/registry/sql/changes.sql,
-- which is run before this file.
SELECT fraiseql.announce_changes('fraiseql.tenants');

-- A service that cannot LISTEN, behind a pooler, asks for the counter instead.
GRANT SELECT ON fraiseql.registry_generation TO app;

-- As in 8_owners.sql. The trigger runs as its owner, which therefore must not bypass policies.
ALTER FUNCTION fraiseql.notify_tenant_change() OWNER TO app_owner;
ALTER FUNCTION fraiseql.announce_changes(regclass) OWNER TO app_owner;
ALTER TABLE fraiseql.registry_generation OWNER TO app_owner;
