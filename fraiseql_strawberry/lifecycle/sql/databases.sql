-- name: exists
SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)

-- name: set_names
SELECT set_config('fraiseql.database', $1, true), set_config('fraiseql.model', $2, true)

-- name: like_its_model
-- Who may connect to the database and how its sessions are set up, as in its model: CREATE DATABASE
-- copies neither, and lets PUBLIC connect and make temporary tables (SECURITY.md, lifecycle).
DO $$
DECLARE
  wanted text := quote_ident(current_setting('fraiseql.database'));
  model oid := (SELECT oid FROM pg_database WHERE datname = current_setting('fraiseql.model'));
  one record;
BEGIN
  EXECUTE format('REVOKE ALL ON DATABASE %s FROM PUBLIC', wanted);
  FOR one IN
    SELECT g.grantee::regrole AS role, g.privilege_type AS may
    FROM pg_database AS d, aclexplode(d.datacl) AS g
    WHERE d.oid = model AND g.grantee NOT IN (0, d.datdba)
  LOOP
    EXECUTE format('GRANT %s ON DATABASE %s TO %s', one.may, wanted, one.role);
  END LOOP;
  FOR one IN
    SELECT CASE s.setrole WHEN 0 THEN format('DATABASE %s', wanted)
             ELSE format('ROLE %s IN DATABASE %s', s.setrole::regrole, wanted) END AS whose,
           split_part(item, '=', 1) AS name,
           substr(item, strpos(item, '=') + 1) AS value
    FROM pg_db_role_setting AS s, unnest(s.setconfig) AS item
    WHERE s.setdatabase = model
  LOOP
    EXECUTE format('ALTER %s SET %I TO %s', one.whose, one.name,
      -- A list is kept as it was written, quotes and all; pg_dump knows the same names.
      CASE WHEN one.name IN ('local_preload_libraries', 'search_path', 'session_preload_libraries',
                             'shared_preload_libraries', 'temp_tablespaces')
        THEN CASE one.value WHEN '' THEN '''''' ELSE one.value END
        ELSE quote_literal(one.value) END);
  END LOOP;
END
$$

-- name: server
-- What tells this server from all others, whatever it is called.
SELECT system_identifier FROM pg_control_system()

-- name: end_sessions
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = $1 AND pid <> pg_backend_pid()

-- name: end_copies
-- Sessions of pg_dump and pg_restore, which are called like the copy that they make.
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = ANY ($1::text[]) AND pid <> pg_backend_pid()

-- name: filled
SELECT shobj_description(oid, 'pg_database') LIKE 'fraiseql: filled%'
FROM pg_database WHERE datname = current_database()

-- name: schemas
SELECT nspname::text AS name FROM pg_namespace
WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'fraiseql')

-- name: warm_orphans
SELECT datname::text AS name FROM pg_database
WHERE datname LIKE $1
  AND datname NOT IN (SELECT w.name FROM fraiseql.warm_places AS w)

-- name: route
INSERT INTO {table} AS t (tenant_id, database_url, name, plan, status)
VALUES ($1::text::{id}, $2, $3, $4, $5)
ON CONFLICT (tenant_id) DO UPDATE
SET name = EXCLUDED.name, plan = EXCLUDED.plan, status = EXCLUDED.status

-- name: reroute
UPDATE {table} SET name = $2, plan = $3, status = $4 WHERE tenant_id = $1::text::{id}

-- name: unroute
DELETE FROM {table} WHERE tenant_id = $1::text::{id}

-- name: move_route
-- The role, its password and the parameters stay.
UPDATE {table}
SET database_url = regexp_replace(database_url, '@[^@/]+/[^/?]+', '@' || $2 || '/' || $3)
WHERE tenant_id = $1::text::{id}

-- name: alone
SELECT pg_try_advisory_lock(hashtextextended($1, 0))

-- name: clones
SELECT datname::text AS name FROM pg_database WHERE starts_with(datname::text, $1)
