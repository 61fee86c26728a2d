-- Policies that apply to the role $1.
SELECT
  p.polrelid                                      AS relation,
  p.polname::text                                 AS name,
  p.polpermissive                                 AS permissive,
  p.polcmd::text                                  AS command,
  pg_get_expr(p.polqual, p.polrelid)              AS qual,
  pg_get_expr(p.polwithcheck, p.polrelid)         AS with_check
FROM pg_policy AS p
WHERE p.polroles = '{0}' OR EXISTS (
  SELECT FROM unnest(p.polroles) AS r WHERE r = 0 OR pg_has_role($1, r, 'MEMBER')
)
ORDER BY p.polrelid, p.polname
