-- Column defaults that use a sequence, a function or a table of another schema.
SELECT DISTINCT
  t.relnamespace::regnamespace::text              AS schema,
  t.relname::text                                 AS name,
  a.attname::text                                 AS "column",
  COALESCE(r.relnamespace, f.pronamespace)::regnamespace::text AS other_schema,
  COALESCE(r.relname, f.proname)::text            AS other
FROM pg_attrdef AS def
JOIN pg_class AS t ON t.oid = def.adrelid
JOIN pg_attribute AS a ON a.attrelid = def.adrelid AND a.attnum = def.adnum
JOIN pg_depend AS d ON d.classid = 'pg_attrdef'::regclass AND d.objid = def.oid AND d.deptype = 'n'
LEFT JOIN pg_class AS r ON d.refclassid = 'pg_class'::regclass AND r.oid = d.refobjid
LEFT JOIN pg_proc AS f ON d.refclassid = 'pg_proc'::regclass AND f.oid = d.refobjid
WHERE COALESCE(r.relnamespace, f.pronamespace) <> t.relnamespace
  AND COALESCE(r.relnamespace, f.pronamespace) <> 'pg_catalog'::regnamespace
ORDER BY 1, 2, 3
