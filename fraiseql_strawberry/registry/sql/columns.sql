-- Which columns of a table of tenants the connected role may read, the table's quoted name, and
-- whether its changes are announced. A view has no trigger of its own, so of one it cannot be told.
SELECT
  a.attname::text                       AS name,
  format_type(a.atttypid, a.atttypmod)  AS type,
  a.attrelid::regclass::text            AS table_name,
  c.relkind NOT IN ('r', 'p') OR EXISTS (
    SELECT FROM pg_trigger AS t
    JOIN pg_proc AS p ON p.oid = t.tgfoid
    JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE t.tgrelid = c.oid
      AND t.tgenabled IN ('O', 'A')
      AND t.tgtype & 16 <> 0  -- UPDATE: the one for TRUNCATE alone tells of no suspension
      AND n.nspname = 'fraiseql' AND p.proname = 'notify_tenant_change'
  )                                     AS announced
FROM pg_attribute AS a
JOIN pg_class AS c ON c.oid = a.attrelid
WHERE a.attrelid = to_regclass($1::text)
  AND a.attname = ANY ($2::text[])
  AND NOT a.attisdropped
  AND has_column_privilege(a.attrelid, a.attnum, 'SELECT');
