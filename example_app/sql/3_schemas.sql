-- From here on: run once, as app_migrator, in one transaction with the files that follow.

CREATE SCHEMA app AUTHORIZATION app_owner;
CREATE SCHEMA fraiseql AUTHORIZATION app_owner;
GRANT USAGE ON SCHEMA app, fraiseql TO app;

-- New functions are executable by PUBLIC unless the role that creates them says otherwise.
ALTER DEFAULT PRIVILEGES FOR ROLE app_migrator REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- The tenant of this transaction, or NULL. The setting is unknown on a fresh connection
-- (hence missing_ok) and an empty string on a reused one (hence NULLIF): both mean no tenant.
CREATE FUNCTION fraiseql.current_tenant_id() RETURNS uuid
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN NULLIF(current_setting('app.tenant_id', true), '')::uuid;
GRANT EXECUTE ON FUNCTION fraiseql.current_tenant_id() TO app;
