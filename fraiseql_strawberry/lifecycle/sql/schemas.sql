-- name: set_names
SELECT set_config('fraiseql.schema', $1, true),
       set_config('fraiseql.service_role', $2, true),
       set_config('fraiseql.tenant_role', $3, true),
       set_config('fraiseql.old_schema', $4, true)

-- name: shard
-- Citus makes each schema a shard group of its own where this is set in the session that makes it.
SELECT set_config('citus.enable_schema_based_sharding', 'on', true)
FROM pg_extension WHERE extname = 'citus'

-- name: grant_service
-- What the service may do in a schema whose migrations granted nothing: rows, and no more.
DO $$
DECLARE
  place regnamespace := format('%I', current_setting('fraiseql.schema'))::regnamespace;
  service text := NULLIF(current_setting('fraiseql.service_role'), '');
  object record;
BEGIN
  IF service IS NULL THEN
    RETURN;
  END IF;
  EXECUTE format('GRANT USAGE ON SCHEMA %s TO %I', place, service);
  IF EXISTS (
    SELECT FROM pg_class AS c, aclexplode(c.relacl) AS granted
    WHERE c.relnamespace = place AND granted.grantee = quote_ident(service)::regrole
  ) THEN
    RETURN;
  END IF;
  FOR object IN
    SELECT c.oid::regclass AS name, c.relkind = 'S' AS counts FROM pg_class AS c
    WHERE c.relnamespace = place AND c.relkind IN ('r', 'p', 'v', 'S')
      AND c.relname NOT IN ('alembic_version', 'fraiseql_revision')
  LOOP
    IF object.counts THEN
      EXECUTE format('GRANT USAGE, SELECT ON SEQUENCE %s TO %I', object.name, service);
    ELSE
      EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %I', object.name, service);
    END IF;
  END LOOP;
  -- What a later migration adds.
  EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %s
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %I', place, service);
  EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %s
    GRANT USAGE, SELECT ON SEQUENCES TO %I', place, service);
END
$$

-- name: hand_to_role
-- What the service may do in the schema, the tenant's own role may do instead of it.
DO $$
DECLARE
  place regnamespace := format('%I', current_setting('fraiseql.schema'))::regnamespace;
  service text := current_setting('fraiseql.service_role');
  tenant text := current_setting('fraiseql.tenant_role');
  granted record;
BEGIN
  IF to_regrole(quote_ident(tenant)) IS NULL THEN
    EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', tenant);
  END IF;
  EXECUTE format('GRANT %I TO %I', tenant, service);
  -- Who makes a role may not take it from PostgreSQL 16 on; its first rows are written with it.
  IF NOT pg_has_role(current_user, quote_ident(tenant)::regrole, CASE
    WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END)
  THEN
    EXECUTE format('GRANT %I TO %I', tenant, current_user);
  END IF;
  FOR granted IN
    SELECT format('SCHEMA %s', n.oid::regnamespace) AS object, a.privilege_type AS may
    FROM pg_namespace AS n, aclexplode(n.nspacl) AS a
    WHERE n.oid = place AND a.grantee = quote_ident(service)::regrole
    UNION ALL
    SELECT format('%s %s', CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
                  c.oid::regclass), a.privilege_type
    FROM pg_class AS c, aclexplode(c.relacl) AS a
    WHERE c.relnamespace = place AND a.grantee = quote_ident(service)::regrole
    UNION ALL
    SELECT format('ROUTINE %s', p.oid::regprocedure), a.privilege_type
    FROM pg_proc AS p, aclexplode(p.proacl) AS a
    WHERE p.pronamespace = place AND a.grantee = quote_ident(service)::regrole
  LOOP
    EXECUTE format('GRANT %s ON %s TO %I', granted.may, granted.object, tenant);
    EXECUTE format('REVOKE %s ON %s FROM %I', granted.may, granted.object, service);
  END LOOP;
  -- And on what a later migration adds.
  FOR granted IN
    SELECT d.defaclrole::regrole AS maker, a.privilege_type AS may,
           CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES'
             WHEN 'f' THEN 'ROUTINES' WHEN 'T' THEN 'TYPES' END AS objects
    FROM pg_default_acl AS d, aclexplode(d.defaclacl) AS a
    WHERE d.defaclnamespace = place AND a.grantee = quote_ident(service)::regrole
  LOOP
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %s IN SCHEMA %s GRANT %s ON %s TO %I',
      granted.maker, place, granted.may, granted.objects, tenant);
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %s IN SCHEMA %s REVOKE %s ON %s FROM %I',
      granted.maker, place, granted.may, granted.objects, service);
  END LOOP;
END
$$

-- name: repin
-- Functions that pin their path to the schema's old name, after it was renamed.
DO $$
DECLARE
  place regnamespace := format('%I', current_setting('fraiseql.schema'))::regnamespace;
  pinned record;
BEGIN
  FOR pinned IN
    SELECT p.oid::regprocedure AS routine,
           replace(substr(item, length('search_path=') + 1),
                   current_setting('fraiseql.old_schema'), place::text) AS path
    FROM pg_proc AS p, unnest(p.proconfig) AS item
    WHERE p.pronamespace = place AND item LIKE 'search\_path=%'
      AND position(current_setting('fraiseql.old_schema') IN item) > 0
  LOOP
    EXECUTE format('ALTER ROUTINE %s SET search_path TO %s', pinned.routine, pinned.path);
  END LOOP;
END
$$

-- name: exists
SELECT to_regnamespace($1) IS NOT NULL
