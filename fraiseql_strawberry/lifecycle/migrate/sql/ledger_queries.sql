-- name: exists
SELECT to_regclass('fraiseql.migration_ledger') IS NOT NULL

-- name: lock
SELECT pg_try_advisory_lock(hashtextextended('fraiseql.migrate', 0))

-- name: begin
WITH given_up AS (
  UPDATE fraiseql.migration_runs SET finished = clock_timestamp(), outcome = 'abandoned'
  WHERE finished IS NULL
)
INSERT INTO fraiseql.migration_runs (target, selection) VALUES ($1, $2::jsonb) RETURNING id

-- name: unfinished
SELECT id, target, selection::text FROM fraiseql.migration_runs
WHERE finished IS NULL ORDER BY id DESC LIMIT 1

-- name: last
SELECT id, target, outcome, started, finished FROM fraiseql.migration_runs
ORDER BY id DESC LIMIT 1

-- name: plan
INSERT INTO fraiseql.migration_ledger (run, tenant, revision)
SELECT $1, tenant, $3 FROM unnest($2::text[]) AS tenant
ON CONFLICT (run, tenant) DO UPDATE
SET revision = EXCLUDED.revision, started = NULL, finished = NULL, error = NULL

-- name: start
UPDATE fraiseql.migration_ledger SET started = clock_timestamp()
WHERE run = $1 AND tenant = ANY ($2::text[]) AND finished IS NULL

-- name: finish
UPDATE fraiseql.migration_ledger
SET finished = clock_timestamp(), error = NULL, started = COALESCE(started, now())
WHERE run = $1 AND tenant = ANY ($2::text[])

-- name: fail
UPDATE fraiseql.migration_ledger
SET finished = clock_timestamp(), error = $3, started = COALESCE(started, now())
WHERE run = $1 AND tenant = $2

-- name: end
UPDATE fraiseql.migration_runs SET finished = clock_timestamp(), outcome = $2 WHERE id = $1

-- name: latest
SELECT DISTINCT ON (l.tenant) l.tenant, l.revision, l.started, l.finished, l.error
FROM fraiseql.migration_ledger AS l
WHERE l.tenant = ANY ($1::text[])
ORDER BY l.tenant, l.run DESC

-- name: notify
SELECT pg_notify('fraiseql_tenants', tenant) FROM unnest($1::text[]) AS tenant

-- name: counter
SELECT to_regclass('fraiseql.registry_generation') IS NOT NULL

-- name: count
UPDATE fraiseql.registry_generation SET generation = generation + 1

-- name: function_body
SELECT prosrc FROM pg_proc WHERE oid = to_regprocedure($1::text)

-- name: make_function
CREATE OR REPLACE FUNCTION fraiseql.{name}() RETURNS void
  LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
  AS $fraiseql${body}$fraiseql$;
REVOKE EXECUTE ON FUNCTION fraiseql.{name}() FROM PUBLIC
