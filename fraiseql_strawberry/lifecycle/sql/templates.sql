-- name: current
SELECT id, kind, name, revision, script, renames
FROM fraiseql.templates WHERE kind = $1 AND current

-- name: names
SELECT name FROM fraiseql.templates WHERE kind = $1

-- name: swap_out
UPDATE fraiseql.templates SET current = false WHERE kind = $1 AND current

-- name: swap_in
INSERT INTO fraiseql.templates (kind, name, revision, script, renames, current)
VALUES ($1, $2, $3, $4, $5, true)
RETURNING id, kind, name, revision, script, renames

-- name: outdated
SELECT name FROM fraiseql.templates WHERE kind = $1 AND NOT current

-- name: forget
DELETE FROM fraiseql.templates WHERE kind = $1 AND name = $2 AND NOT current

-- name: schemas_like
SELECT nspname::text AS name FROM pg_namespace
WHERE nspname LIKE $1 AND nspname NOT IN (SELECT t.name FROM fraiseql.templates AS t)

-- name: databases_like
SELECT datname::text AS name FROM pg_database
WHERE datname LIKE $1 AND datname NOT IN (SELECT t.name FROM fraiseql.templates AS t)

-- name: names_itself
-- Functions whose text names the schema that they are in: of a renamed schema it would be wrong.
SELECT EXISTS (
  SELECT FROM pg_proc AS p
  WHERE p.pronamespace = $1::text::regnamespace AND position($1 IN p.prosrc) > 0
)
