-- The roles of :project:, and who may do what in its database. Run by a superuser, connected to
-- that database; it may run again at any time. A role that exists already is left as it is.
-- No password stands here: set them with psql's \password, which sends them hashed.

BEGIN;
-- No name leads elsewhere, and nobody waits for long.
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '1min';

DO $$
BEGIN
  IF current_database() <> :'database' THEN
    RAISE EXCEPTION 'this is the database %, not %', current_database(), :'database';
  END IF;

  -- Owns every object and never logs in: an owner could switch its tables' policies off.
  IF to_regrole(:'owner') IS NULL THEN
    CREATE ROLE :"owner" NOLOGIN NOBYPASSRLS;
  END IF;

  -- What the service connects as: row-level security always applies to it.
  IF to_regrole(:'role') IS NULL THEN
    CREATE ROLE :"role" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOINHERIT;
  END IF;

  -- What migrations and work on tenants connect as. Without BYPASSRLS a backfill under FORCE
  -- row-level security updates no rows, and says nothing.:migrator_why:
  IF to_regrole(:'migrator') IS NULL THEN
    CREATE ROLE :"migrator" LOGIN NOSUPERUSER :migrator_may: BYPASSRLS INHERIT;
  END IF;
END
$$;

GRANT :"owner" TO :"migrator";
-- A new tenant's first rows are written with the rights of the service, and no more.
GRANT :"role" TO :"migrator":with_admin:;

-- PUBLIC may otherwise connect, and create temporary tables, which come before real ones.
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO :"role";
GRANT CONNECT, CREATE ON DATABASE :"database" TO :"migrator";
REVOKE ALL ON SCHEMA public FROM PUBLIC;

-- pg_temp is searched first unless it is named, so it is named last.
ALTER ROLE :"role" IN DATABASE :"database" SET search_path = :search_path:;

-- A statement whose client has gone, a lock queue or a forgotten transaction ends by itself.
ALTER ROLE :"role" IN DATABASE :"database" SET statement_timeout = '10s';
ALTER ROLE :"role" IN DATABASE :"database" SET lock_timeout = '3s';
ALTER ROLE :"role" IN DATABASE :"database" SET idle_in_transaction_session_timeout = '15s';

-- Never a default for app.tenant_id: with one, an INSERT that forgot its tenant succeeds.

COMMIT;
