-- name: sequences
-- The sequences that belong to columns of the tables $1.
SELECT
  d.refobjid                                 AS table_oid,
  a.attname::text                            AS column_name,
  format('%I.%I', n.nspname, c.relname)      AS sequence
FROM pg_sequence AS s
JOIN pg_class AS c ON c.oid = s.seqrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid
  AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE d.refobjid = ANY ($1::oid[])
  AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
ORDER BY 1, 2

-- name: last_value
SELECT CASE WHEN is_called THEN last_value END FROM {sequence}

-- name: raise_sequence
-- Never back: a number that was given out is not given out again.
SELECT setval('{sequence}', known.highest)
FROM (
  SELECT GREATEST(
    (SELECT CASE WHEN is_called THEN last_value END FROM {sequence}),
    (SELECT max({column}) FROM {table}),
    $1::bigint
  ) AS highest
) AS known
WHERE known.highest > 0

-- name: undeferrable
-- Foreign keys of the tables $1 that are checked row by row, with the table that has each.
SELECT c.conrelid::regclass::text AS table_name, c.conname::text AS name
FROM pg_constraint AS c
WHERE c.contype = 'f' AND NOT c.condeferrable AND c.conparentid = 0
  AND c.conrelid = ANY ($1::oid[]) AND c.confrelid = ANY ($1::oid[])

-- name: triggers
-- The application's own triggers of the tables $1, with how each is enabled.
SELECT t.tgrelid::regclass::text AS table_name, t.tgname::text AS name, t.tgenabled::text AS enabled
FROM pg_trigger AS t
WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND t.tgrelid = ANY ($1::oid[])

-- name: materialised
SELECT format('%I.%I', n.nspname, c.relname) AS view_name
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'm' AND ($1::text IS NULL OR n.nspname = $1)
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY c.oid

-- name: importing
SELECT set_config('fraiseql.importing', $1, true)

-- name: empty
DELETE FROM {table}
