-- Functions and procedures of the application that the role $1 may call, and what they take.
SELECT
  format('%I.%I', n.nspname, p.proname)                                AS sql,
  format('%s.%s', n.nspname, p.proname)                                AS name,
  pg_get_function_identity_arguments(p.oid)                            AS arguments,
  p.prokind = 'p'                                                      AS is_procedure,
  COALESCE(format_type(p.prorettype, NULL), '')                        AS returns,
  p.provariadic <> 0                                                   AS variadic,
  p.prokind = 'p' AND COALESCE('o' = ANY (p.proargmodes), false)       AS gives_out,
  p.pronargs - p.pronargdefaults                                       AS needed,
  ARRAY(
    SELECT CASE t.typtype WHEN 'd' THEN format_type(t.typbasetype, NULL)
             ELSE format_type(t.oid, NULL) END
    FROM unnest(p.proargtypes) WITH ORDINALITY AS a(type, position)
    JOIN pg_type AS t ON t.oid = a.type ORDER BY a.position
  )                                                                    AS types,
  ARRAY(
    SELECT t.typtype = 'e'
    FROM unnest(p.proargtypes) WITH ORDINALITY AS a(type, position)
    JOIN pg_type AS t ON t.oid = a.type ORDER BY a.position
  )                                                                    AS enums,
  ARRAY(
    SELECT COALESCE(p.proargnames[k], '')
    FROM generate_series(1, COALESCE(array_length(p.proallargtypes, 1), p.pronargs)) AS k
    WHERE p.proargmodes IS NULL OR p.proargmodes[k] IN ('i', 'b', 'v') ORDER BY k
  )                                                                    AS names
FROM pg_proc AS p
JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND p.prokind IN ('f', 'p')
  AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
  AND has_function_privilege($1, p.oid, 'EXECUTE') AND has_schema_privilege($1, n.oid, 'USAGE')
  AND NOT EXISTS (
    SELECT FROM pg_depend AS e
    WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e'
  )
ORDER BY 2, 3
