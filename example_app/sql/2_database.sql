-- Who may do what in the current database. Run by a superuser, connected to it. A database that
-- was cloned with CREATE DATABASE … TEMPLATE needs it again: privileges on a database and settings
-- of a role in it are not copied.

DO $$
DECLARE
  here text := quote_ident(current_database());
  in_here text := 'IN DATABASE ' || here;
BEGIN
  -- PUBLIC may otherwise CONNECT and create temporary tables, which come before real ones.
  EXECUTE 'REVOKE ALL ON DATABASE ' || here || ' FROM PUBLIC';
  EXECUTE 'GRANT CONNECT ON DATABASE ' || here || ' TO app';
  EXECUTE 'GRANT CONNECT, CREATE ON DATABASE ' || here || ' TO app_migrator';

  -- Sources are named without a schema: v_post. pg_temp is searched first unless it is named last.
  EXECUTE 'ALTER ROLE app ' || in_here || ' SET search_path = app, fraiseql, pg_temp';

  -- A statement whose client has gone, a lock queue or a forgotten transaction ends by itself.
  EXECUTE 'ALTER ROLE app ' || in_here || ' SET statement_timeout = ''10s''';
  EXECUTE 'ALTER ROLE app ' || in_here || ' SET lock_timeout = ''3s''';
  EXECUTE 'ALTER ROLE app ' || in_here || ' SET idle_in_transaction_session_timeout = ''15s''';
END
$$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
