-- What the application role may do that would defeat row-level security.
-- Owners of tables without FORCE, superusers and BYPASSRLS roles see every row
-- (https://www.postgresql.org/docs/current/ddl-rowsecurity.html).
-- Temporary tables belong to the session that made them, not to the service.
SELECT
  r.rolname::text                                   AS role,
  r.rolsuper                                        AS is_superuser,
  r.rolbypassrls                                    AS bypasses_rls,
  ARRAY(
    SELECT format('%I.%I', n.nspname, c.relname)
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p')
      AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT c.relforcerowsecurity
      AND pg_has_role(r.oid, c.relowner, 'MEMBER')
      AND (c.relrowsecurity OR EXISTS (
        SELECT FROM pg_attribute AS a
        WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
      ))
    ORDER BY 1
  )::text[]                                         AS owned_unforced,
  -- The roles that were granted to it, and are privileged or lead to one that is: what to revoke.
  ARRAY(
    SELECT d.rolname::text
    FROM pg_auth_members AS granted
    JOIN pg_roles AS d ON d.oid = granted.roleid
    WHERE granted.member = r.oid
      AND EXISTS (
        SELECT FROM pg_roles AS m
        WHERE (m.rolsuper OR m.rolbypassrls) AND pg_has_role(d.oid, m.oid, 'MEMBER')
      )
    ORDER BY 1
  )::text[]                                         AS privileged_roles
FROM pg_roles AS r
WHERE r.rolname = session_user;
