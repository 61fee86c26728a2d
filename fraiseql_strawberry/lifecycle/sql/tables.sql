-- name: tables
-- The tables that may hold a tenant's own rows. $1: the one schema to look in, or NULL for all but
-- PostgreSQL's and ours. $2: schemas that are nobody's. $3: the tenant column. $4: whether only
-- tables that have it are meant. $5: tables to leave out.
SELECT
  c.oid,
  n.nspname::text                                                   AS schema,
  c.relname::text                                                   AS name,
  c.relkind = 'p'                                                   AS partitioned,
  EXISTS (
    SELECT FROM pg_attribute AS a
    WHERE a.attrelid = c.oid AND a.attname = $3 AND NOT a.attisdropped
  )                                                                 AS has_tenant_column,
  c.relrowsecurity                                                  AS has_policies,
  ARRAY(
    SELECT a.attname::text FROM pg_attribute AS a
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      AND a.attgenerated = '' AND a.attname <> $3
    ORDER BY a.attname COLLATE "C"
  )                                                                 AS columns,
  ARRAY(
    SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute AS a
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      AND a.attgenerated = '' AND a.attname <> $3
    ORDER BY a.attname COLLATE "C"
  )                                                                 AS types,
  ARRAY(
    SELECT a.attname::text FROM pg_attribute AS a
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attcollation <> 0
  )                                                                 AS texts,
  -- The shortest key, without the tenant: the order in which rows are written.
  COALESCE((
    SELECT ARRAY(
      SELECT a.attname::text
      FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
      JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum
      WHERE a.attname <> $3 AND k.place <= i.indnkeyatts
      ORDER BY k.place
    )
    FROM pg_index AS i
    WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
      AND i.indexprs IS NULL AND i.indimmediate
      AND NOT EXISTS (
        SELECT FROM unnest(i.indkey::int2[]) AS k (attnum)
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum
        WHERE NOT a.attnotnull
      )
    ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid
    LIMIT 1
  ), '{}')                                                          AS key
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p')
  AND NOT c.relispartition
  AND c.relpersistence <> 't'
  AND ($1::text IS NULL OR n.nspname = $1)
  AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'fraiseql')
  AND NOT n.nspname LIKE ANY ($2::text[])
  AND c.relname <> ALL ($5::text[])
  AND NOT EXISTS (
    SELECT FROM pg_depend AS d
    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
  )
  AND (NOT $4 OR c.relrowsecurity OR EXISTS (
    SELECT FROM pg_attribute AS a
    WHERE a.attrelid = c.oid AND a.attname = $3 AND NOT a.attisdropped
  ))
ORDER BY n.nspname, c.relname

-- name: references
-- Foreign keys between the tables $1: which must be filled before which.
SELECT
  c.conrelid    AS child,
  c.confrelid   AS parent,
  c.conname::text AS name,
  c.condeferrable AS deferrable
FROM pg_constraint AS c
WHERE c.contype = 'f'
  AND c.conrelid = ANY ($1::oid[]) AND c.confrelid = ANY ($1::oid[])
  AND c.conparentid = 0

-- name: outsiders
-- What hangs on objects of the schema $1 and is not in it: DROP … CASCADE would take it along.
SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid) AS object
FROM pg_depend AS d
JOIN pg_class AS used ON d.refclassid = 'pg_class'::regclass AND used.oid = d.refobjid
LEFT JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
LEFT JOIN pg_constraint AS f ON d.classid = 'pg_constraint'::regclass AND f.oid = d.objid
LEFT JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
LEFT JOIN pg_class AS c
  ON c.oid = COALESCE(r.ev_class, f.conrelid, CASE WHEN d.classid = 'pg_class'::regclass THEN d.objid END)
WHERE used.relnamespace = $1::text::regnamespace
  AND COALESCE(c.relnamespace, p.pronamespace) <> used.relnamespace
  AND COALESCE(c.relnamespace, p.pronamespace) <> 'pg_toast'::regnamespace
ORDER BY 1

-- name: is_empty
SELECT NOT EXISTS (SELECT FROM {table}{condition})
