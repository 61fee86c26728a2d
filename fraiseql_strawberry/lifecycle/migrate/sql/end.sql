-- What comes last in an upgrade: what it may not leave behind. Each finding is a line of the error's
-- detail: the rule, the object, and SQL that mends it, with tabs between.
DECLARE
  strategy constant text := current_setting('fraiseql.strategy');
  home constant text := current_setting('fraiseql.schema');
  exempt constant text[] := string_to_array(current_setting('fraiseql.exempt'), E'\n');
  findings text[] := '{}';
BEGIN
  IF strategy = 'row' THEN
    WITH RECURSIVE relations AS (
      SELECT c.oid, c.relkind, c.relrowsecurity, c.reloptions, c.relowner, c.relacl,
             format('%I.%I', n.nspname, c.relname) AS name,
             c.relkind IN ('r', 'p') AND EXISTS (
               SELECT FROM pg_attribute AS a
               WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
             ) AS of_tenants
      FROM pg_class AS c
      JOIN pg_namespace AS n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'v', 'm') AND c.relpersistence <> 't'
        AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'fraiseql')
        AND NOT (c.relname = ANY (exempt) OR n.nspname || '.' || c.relname = ANY (exempt))
    ), reads AS (
      SELECT w.ev_class AS reader, d.refobjid AS read
      FROM pg_rewrite AS w
      JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
       AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> w.ev_class
    ), readers (oid) AS (
      SELECT reads.reader FROM reads JOIN relations AS r ON r.oid = reads.read AND r.of_tenants
      UNION
      SELECT reads.reader FROM reads JOIN readers ON readers.oid = reads.read
    )
    SELECT COALESCE(array_agg(line ORDER BY line), '{}') INTO findings
    FROM (
      SELECT format(E'T01\t%s\tALTER TABLE %s ENABLE ROW LEVEL SECURITY', r.name, r.name) AS line
      FROM relations AS r WHERE r.of_tenants AND NOT r.relrowsecurity
      UNION ALL
      SELECT format(E'V01\t%s\tALTER VIEW %s SET (security_invoker = true)', r.name, r.name)
      FROM relations AS r JOIN readers USING (oid)
      WHERE r.relkind = 'v' AND NOT COALESCE((
        SELECT o.option_value::boolean FROM pg_options_to_table(r.reloptions) AS o
        WHERE o.option_name = 'security_invoker'), false)
      UNION ALL
      SELECT DISTINCT format(E'V02\t%s\tREVOKE ALL ON %s FROM %s', r.name, r.name,
               CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END)
      FROM relations AS r JOIN readers USING (oid) CROSS JOIN LATERAL aclexplode(r.relacl) AS a
      WHERE r.relkind = 'm' AND a.grantee <> r.relowner
    ) AS found;
  ELSE
    WITH relations AS (
      SELECT c.oid, c.relkind, c.relname, c.reloptions, c.relnamespace
      FROM pg_namespace AS n
      JOIN pg_depend AS d ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid
       AND d.classid = 'pg_class'::regclass
      JOIN pg_class AS c ON c.oid = d.objid
      WHERE n.nspname = home
        AND NOT (c.relname = ANY (exempt) OR n.nspname || '.' || c.relname = ANY (exempt))
    ), reaches AS (
      SELECT r.relname, k.confrelid AS far, 'foreign key ' || quote_ident(k.conname) AS how
      FROM relations AS r JOIN pg_constraint AS k ON k.conrelid = r.oid AND k.contype = 'f'
      WHERE strategy = 'schema'
      UNION ALL
      SELECT r.relname, d.refobjid, 'a default'
      FROM relations AS r
      JOIN pg_attrdef AS v ON v.adrelid = r.oid
      JOIN pg_depend AS d ON d.classid = 'pg_attrdef'::regclass AND d.objid = v.oid
       AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.oid
      WHERE strategy = 'schema'
      UNION ALL
      SELECT r.relname, d.refobjid, 'its query'
      FROM relations AS r
      JOIN pg_rewrite AS w ON w.ev_class = r.oid
      JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
       AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.oid
      WHERE strategy = 'schema'
    )
    SELECT COALESCE(array_agg(line ORDER BY line), '{}') INTO findings
    FROM (
      SELECT format(E'V01\t%I.%I\tALTER VIEW %I.%I SET (security_invoker = true)',
                    home, r.relname, home, r.relname) AS line
      FROM relations AS r
      WHERE r.relkind = 'v'
        AND quote_ident(r.relname) = ANY (string_to_array(current_setting('fraiseql.invokers', true), E'\n'))
        AND NOT COALESCE((
          SELECT o.option_value::boolean FROM pg_options_to_table(r.reloptions) AS o
          WHERE o.option_name = 'security_invoker'), false)
      UNION ALL
      SELECT format(E'M02\t%I.%I\t-- %s reaches into the schema %I of another tenant',
                    home, r.relname, r.how, n.nspname)
      FROM reaches AS r
      JOIN pg_class AS c ON c.oid = r.far
      JOIN pg_namespace AS n ON n.oid = c.relnamespace
      WHERE n.nspname <> home AND n.nspname LIKE current_setting('fraiseql.tenants', true)
    ) AS found;
  END IF;
  IF findings <> '{}' THEN
    RAISE EXCEPTION USING ERRCODE = 'FQ001',
      MESSAGE = 'the migration leaves tenants unprotected', DETAIL = array_to_string(findings, E'\n');
  END IF;
END
