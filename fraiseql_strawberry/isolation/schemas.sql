-- A few schemas of tenants that may be used: by the application role, or, where each tenant has a role
-- ($2 and $3 make its name of the schema's), by that one.
SELECT n.nspname::text
FROM pg_namespace AS n
JOIN pg_roles AS r ON r.rolname = COALESCE(regexp_replace(n.nspname, $2::text, $3::text), session_user)
WHERE n.nspname LIKE $1::text
  AND has_schema_privilege(r.oid, n.oid, 'USAGE')
  AND pg_has_role(session_user, r.oid, 'MEMBER')
ORDER BY n.nspname
LIMIT $4::integer
