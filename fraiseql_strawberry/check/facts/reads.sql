-- Which relations the query of each view reads.
SELECT DISTINCT w.ev_class AS view, d.refobjid AS relation
FROM pg_rewrite AS w
JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
  AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'n' AND d.refobjid <> w.ev_class
JOIN pg_class AS v ON v.oid = w.ev_class AND v.relkind IN ('v', 'm')
JOIN pg_namespace AS n ON n.oid = v.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
