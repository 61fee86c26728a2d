-- The three roles. Run by a superuser, in a transaction that has set blog.app_password and
-- blog.migrator_password with set_config(…, true). Roles belong to the whole server, and several
-- blogs may share one, so this file may run again at any time.

DO $$
DECLARE
  wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['app_owner', 'app', 'app_migrator'] LOOP
    BEGIN
      EXECUTE format('CREATE ROLE %I', wanted);
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL;  -- it is there already, or somebody created it in this very moment
    END;
  END LOOP;
END
$$;

-- Owns every object and never logs in.
ALTER ROLE app_owner
  NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;

-- What the service connects as: row-level security always applies to it.
ALTER ROLE app
  LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT;

-- What migrations connect as. Without BYPASSRLS a backfill under FORCE row-level security
-- updates no rows and says nothing.
ALTER ROLE app_migrator
  LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION BYPASSRLS INHERIT;
GRANT app_owner TO app_migrator;

-- The passwords arrive as settings, so that they stand in the text of no statement; %L quotes them.
DO $$
BEGIN
  EXECUTE format('ALTER ROLE app PASSWORD %L', current_setting('blog.app_password'));
  EXECUTE format(
    'ALTER ROLE app_migrator PASSWORD %L', current_setting('blog.migrator_password'));
END
$$;
