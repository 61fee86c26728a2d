-- Schemas of the application, and what the role $1 may do in them.
SELECT
  n.nspname::text                                                 AS name,
  has_schema_privilege($1, n.oid, 'USAGE')                        AS may_use,
  has_schema_privilege($1, n.oid, 'CREATE')                       AS may_create
FROM pg_namespace AS n
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY 1
