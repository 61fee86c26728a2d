-- Where one tenant's tables stand, when no other tenant's stand beside them: a schema of the
-- tenant's own, or the schema app of its own database. Run as app_migrator, in one transaction
-- with the files that follow; set_config('blog.home', …, true) has named the schema. It is there
-- already where a tenant is provisioned.

DO $$
DECLARE
  home text := quote_ident(current_setting('blog.home'));
BEGIN
  EXECUTE 'CREATE SCHEMA IF NOT EXISTS ' || home || ' AUTHORIZATION app_owner';
  EXECUTE 'ALTER SCHEMA ' || home || ' OWNER TO app_owner';
  EXECUTE 'GRANT USAGE ON SCHEMA ' || home || ' TO app';
  -- The files that follow name no schema, so they are the same for every tenant.
  PERFORM set_config('search_path', home || ', pg_temp', true);
END
$$;

-- New functions are executable by PUBLIC unless the role that creates them says otherwise.
ALTER DEFAULT PRIVILEGES FOR ROLE app_migrator REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
