-- Settings that the application role $1, this database or everybody starts with.
SELECT
  COALESCE(r.rolname::text, 'ALL')      AS role,
  d.datname::text                       AS database,
  split_part(entry, '=', 1)             AS name,
  substr(entry, strpos(entry, '=') + 1) AS value
FROM pg_db_role_setting AS s
LEFT JOIN pg_roles AS r ON r.oid = s.setrole
LEFT JOIN pg_database AS d ON d.oid = s.setdatabase
CROSS JOIN unnest(s.setconfig) AS entry
WHERE (s.setrole = 0 OR r.rolname = $1)
  AND (s.setdatabase = 0 OR d.datname = current_database())
ORDER BY 1, 2, 3
