-- Functions of the application that run as their owner, are called leakproof, or read the setting $2.
SELECT
  n.nspname::text                                                       AS schema,
  format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) AS signature,
  p.proname::text                                                       AS name,
  p.prosecdef                                                           AS definer,
  p.proleakproof                                                        AS leakproof,
  EXISTS (SELECT FROM unnest(p.proconfig) AS s WHERE s LIKE 'search_path=%') AS pinned,
  has_function_privilege($1, p.oid, 'EXECUTE')
    AND has_schema_privilege($1, n.oid, 'USAGE')                        AS executable,
  p.prorettype = 'trigger'::regtype                                     AS is_trigger,
  pg_get_userbyid(p.proowner)::text                                     AS owner,
  position($2 IN p.prosrc || COALESCE(pg_get_function_sqlbody(p.oid), '')) > 0 AS reads_setting,
  (SELECT substr(s, 13) FROM unnest(p.proconfig) AS s WHERE s LIKE 'search_path=%') AS search_path,
  -- of the library's own schema alone: a source may be long
  CASE WHEN n.nspname = 'fraiseql' THEN p.prosrc END                    AS source
FROM pg_proc AS p
JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND p.prokind IN ('f', 'p')
  AND NOT EXISTS (
    SELECT FROM pg_depend AS e
    WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e'
  )
ORDER BY 2
