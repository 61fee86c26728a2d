-- A few schemas of tenants that the application role may use.
SELECT n.nspname::text
FROM pg_namespace AS n
WHERE n.nspname LIKE $1::text
  AND has_schema_privilege(n.oid, 'USAGE')
ORDER BY n.nspname
LIMIT $2::integer
