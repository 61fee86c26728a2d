-- name: columns
SELECT a.attname::text AS name, a.attrelid::regclass::text AS table_name
FROM pg_attribute AS a
WHERE a.attrelid = to_regclass($1::text) AND a.attnum > 0 AND NOT a.attisdropped

-- name: schemas
SELECT nspname::text AS schema FROM pg_namespace WHERE nspname = ANY ($1::text[])

-- name: schemas_like
SELECT nspname::text AS schema FROM pg_namespace WHERE nspname LIKE $1::text ORDER BY nspname

-- name: versioned
SELECT n.nspname::text AS schema
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relname = $1::text AND c.relkind IN ('r', 'p') AND n.nspname = ANY ($2::text[])

-- name: has_templates
SELECT to_regclass('fraiseql.templates') IS NOT NULL

-- name: template
SELECT name FROM fraiseql.templates WHERE kind = 'schema' AND current
