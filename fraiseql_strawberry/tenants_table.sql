-- Which columns of the tenants table the connected role may read, and the table's quoted name.
SELECT a.attname::text                       AS name,
       format_type(a.atttypid, a.atttypmod)  AS type,
       a.attrelid::regclass::text            AS table_name
FROM pg_attribute AS a
WHERE a.attrelid = to_regclass($1::text)
  AND a.attname IN ('id', 'tenant_id', 'name', 'plan', 'status')
  AND NOT a.attisdropped
  AND has_column_privilege(a.attrelid, a.attnum, 'SELECT')
