-- Tables, views and materialised views of the application, with the privileges of the role $1.
SELECT
  c.oid,
  n.nspname::text                                                  AS schema,
  c.relname::text                                                  AS name,
  c.relkind::text                                                  AS kind,
  c.relispartition                                                 AS partition,
  c.relrowsecurity                                                 AS rls,
  c.relforcerowsecurity                                            AS forced,
  o.rolname::text                                                  AS owner,
  (o.rolsuper OR o.rolbypassrls)                                   AS owner_bypasses_rls,
  pg_has_role($1, c.relowner, 'MEMBER')                            AS owned,
  EXISTS (
    SELECT FROM unnest(c.reloptions) AS o(option)
    WHERE lower(o.option) IN (
      'security_invoker=true', 'security_invoker=on', 'security_invoker=1', 'security_invoker=yes'
    )
  )                                                                AS invoker,
  EXISTS (
    SELECT FROM unnest(c.reloptions) AS o(option)
    WHERE lower(o.option) IN (
      'security_barrier=true', 'security_barrier=on', 'security_barrier=1', 'security_barrier=yes'
    )
  )                                                                AS barrier,
  has_schema_privilege($1, n.oid, 'USAGE')                         AS reachable,
  has_table_privilege($1, c.oid, 'SELECT')
    OR has_any_column_privilege($1, c.oid, 'SELECT')               AS may_select,
  has_table_privilege($1, c.oid, 'INSERT')
    OR has_any_column_privilege($1, c.oid, 'INSERT')
    OR has_table_privilege($1, c.oid, 'UPDATE')
    OR has_any_column_privilege($1, c.oid, 'UPDATE')
    OR has_table_privilege($1, c.oid, 'DELETE')                    AS may_write,
  ARRAY(
    SELECT p FROM unnest(ARRAY['TRUNCATE', 'REFERENCES', 'TRIGGER']) AS p
    WHERE has_table_privilege($1, c.oid, p)
  )                                                                AS odd_privileges,
  ARRAY(
    SELECT a.attname::text FROM pg_attribute AS a
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
  )                                                                AS columns,
  ARRAY(
    SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute AS a
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
  )                                                                AS types,
  ARRAY(
    SELECT a.attname::text FROM pg_attribute AS a
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull
  )                                                                AS not_null,
  ARRAY(
    SELECT a.attname::text FROM pg_attribute AS a
    JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = c.oid AND NOT a.attisdropped
      AND pg_get_expr(d.adbin, d.adrelid) ~ '(gen_random_uuid|uuid_generate_v4|uuidv[47])\(\)'
  )                                                                AS random_ids,
  ARRAY(
    SELECT a.attname::text FROM pg_attribute AS a
    WHERE a.attrelid = c.oid AND NOT a.attisdropped AND (a.atthasdef OR a.attidentity <> '')
  )                                                                AS defaults
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_roles AS o ON o.oid = c.relowner
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (
    SELECT FROM pg_depend AS e
    WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e'
  )
ORDER BY n.nspname, c.relname
