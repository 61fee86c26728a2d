-- What a new connection of a tenant has led to. A superuser, or a member of a superuser's role, could
-- read every database of the server, and files on it.
SELECT
  current_database()::text AS database,
  session_user::text       AS role,
  pg_backend_pid()         AS pid,
  EXISTS (
    SELECT FROM pg_roles AS m
    WHERE m.rolsuper AND pg_has_role(session_user, m.oid, 'MEMBER')
  )                        AS superuser
