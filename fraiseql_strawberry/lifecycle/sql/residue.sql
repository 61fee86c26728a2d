-- name: named_for_tenants
-- Columns that say of which tenant a row is, in any table but receipts and those of schemas that
-- are LIKE $1: other tenants'.
SELECT format('%I.%I', n.nspname, c.relname) AS table_name, a.attname::text AS column_name,
       has_schema_privilege(n.oid, 'USAGE')
         AND has_column_privilege(c.oid, a.attnum, 'SELECT') AS readable
FROM pg_attribute AS a
JOIN pg_class AS c ON c.oid = a.attrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition AND c.relpersistence <> 't'
  AND a.attnum > 0 AND NOT a.attisdropped
  AND a.attname LIKE '%tenant%'
  AND a.atttypid IN ('uuid'::regtype, 'text'::regtype, 'varchar'::regtype)
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT n.nspname LIKE ANY ($1::text[])
  AND NOT (n.nspname = 'fraiseql' AND c.relname = 'receipts')
ORDER BY 1, 2

-- name: count_named
SELECT count(*) FROM {table} WHERE {column}::text = $1
