-- The server, the database and the application role $1, with its effective settings where it is
-- the role that asks.
SELECT
  current_setting('server_version_num')::int                        AS version,
  current_setting('server_version')                                 AS version_text,
  current_database()::text                                          AS database,
  r.rolname::text                                                   AS role,
  r.rolsuper                                                        AS superuser,
  r.rolbypassrls                                                    AS bypasses_rls,
  has_database_privilege(r.oid, d.oid, 'TEMP')                      AS may_create_temp,
  (d.datacl IS NULL OR EXISTS (
    SELECT FROM aclexplode(d.datacl) AS a WHERE a.grantee = 0 AND a.privilege_type = 'CONNECT'
  ))                                                                AS public_may_connect,
  -- The roles that were granted to it and lead to one that policies do not hold, or that owns
  -- tables: what to revoke.
  ARRAY(
    SELECT g.rolname::text FROM pg_auth_members AS m JOIN pg_roles AS g ON g.oid = m.roleid
    WHERE m.member = r.oid AND EXISTS (
      SELECT FROM pg_roles AS p
      WHERE (p.rolsuper OR p.rolbypassrls) AND pg_has_role(g.oid, p.oid, 'MEMBER')
    )
    ORDER BY 1
  )                                                                 AS privileged_roles,
  ARRAY(
    SELECT g.rolname::text FROM pg_auth_members AS m JOIN pg_roles AS g ON g.oid = m.roleid
    WHERE m.member = r.oid AND EXISTS (
      SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        AND pg_has_role(g.oid, c.relowner, 'MEMBER')
    )
    ORDER BY 1
  )                                                                 AS owning_roles,
  r.rolname = session_user                                          AS asks,
  current_setting('statement_timeout')                              AS statement_timeout,
  current_setting('lock_timeout')                                   AS lock_timeout,
  current_setting('idle_in_transaction_session_timeout')            AS idle_timeout,
  EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')         AS citus
FROM pg_roles AS r, pg_database AS d
WHERE r.rolname = $1 AND d.datname = current_database()
