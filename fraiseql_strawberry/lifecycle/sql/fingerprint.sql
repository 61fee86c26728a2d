-- What the schemas named in $1 hold, one line for each thing. $2 are further names that mean the
-- tenant itself, such as its role, one for each schema; $3 says whether comments count. Needs an
-- empty search_path, under which PostgreSQL writes all names in full.
--
-- Objects are found by what depends on their schema, which is an index: pg_class has no index that
-- begins with the schema, and holds a million rows where there are thousands of tenants.
WITH spaces AS MATERIALIZED (
  SELECT n.oid, n.nspname, n.nspowner, n.nspacl, n.nspname::text AS name, given.alias
  FROM unnest($1::text[], $2::text[]) AS given (name, alias)
  JOIN pg_namespace AS n ON n.nspname = given.name
), members AS MATERIALIZED (
  SELECT s.oid AS space, d.classid, d.objid
  FROM spaces AS s
  JOIN pg_depend AS d ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = s.oid
  WHERE d.deptype = 'n' AND d.objsubid = 0
    AND NOT EXISTS (
      SELECT FROM pg_depend AS e
      WHERE e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e')
), relations AS MATERIALIZED (
  SELECT m.space, c.*, quote_ident(c.relname) AS name
  FROM (
    SELECT space, objid FROM members WHERE classid = 'pg_class'::regclass
    UNION ALL
    SELECT o.space, t.typrelid  -- a composite type's columns stand behind its pg_type
    FROM members AS o JOIN pg_type AS t ON t.oid = o.objid
    WHERE o.classid = 'pg_type'::regclass AND t.typtype = 'c'
  ) AS m
  JOIN pg_class AS c ON c.oid = m.objid
), functions AS MATERIALIZED (
  SELECT m.space, p.*, format('%I(%s)', p.proname, pg_get_function_identity_arguments(p.oid)) AS name
  FROM members AS m JOIN pg_proc AS p ON p.oid = m.objid
  WHERE m.classid = 'pg_proc'::regclass
), types AS MATERIALIZED (
  SELECT m.space, t.*, quote_ident(t.typname) AS name
  FROM members AS m JOIN pg_type AS t ON t.oid = m.objid
  WHERE m.classid = 'pg_type'::regclass AND t.typtype <> 'c' AND t.typelem = 0
), grants AS (
  SELECT s.oid AS space, 'schema' AS what,
         COALESCE(s.nspacl, acldefault('n', s.nspowner)) AS acl
  FROM spaces AS s
  UNION ALL
  SELECT r.space, r.name,
         COALESCE(r.relacl, acldefault(CASE r.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", r.relowner))
  FROM relations AS r WHERE r.relkind <> 'c'
  UNION ALL
  SELECT r.space, format('%s.%I', r.name, a.attname), a.attacl
  FROM relations AS r JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attacl IS NOT NULL
  UNION ALL
  SELECT f.space, f.name, COALESCE(f.proacl, acldefault('f', f.proowner)) FROM functions AS f
  UNION ALL
  SELECT t.space, t.name, COALESCE(t.typacl, acldefault('T', t.typowner)) FROM types AS t
), lines AS (
  SELECT s.oid AS space, 'schema owner ' || pg_get_userbyid(s.nspowner) AS line FROM spaces AS s
  UNION ALL
  SELECT r.space, concat_ws(' ',
           CASE r.relkind
             WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view' WHEN 'S' THEN 'sequence'
             WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' ELSE 'type' END,
           r.name,
           'owner ' || pg_get_userbyid(r.relowner),
           CASE r.relpersistence WHEN 'u' THEN 'unlogged' WHEN 't' THEN 'temporary' END,
           CASE WHEN r.relrowsecurity THEN 'row security' END,
           CASE WHEN r.relforcerowsecurity THEN 'forced' END,
           CASE WHEN r.relkind = 'p' THEN 'partition by ' || pg_get_partkeydef(r.oid) END,
           CASE WHEN r.relispartition THEN 'partition ' || pg_get_expr(r.relpartbound, r.oid) END,
           CASE WHEN r.relreplident <> 'd' AND r.relkind IN ('r', 'p')
             THEN 'replica identity ' || r.relreplident::text END,
           'with ' || NULLIF(array_to_string(ARRAY(SELECT unnest(r.reloptions) ORDER BY 1), ', '), ''),
           'on ' || ts.spcname)
  FROM relations AS r LEFT JOIN pg_tablespace AS ts ON ts.oid = r.reltablespace
  UNION ALL
  SELECT r.space, format('inherits %s: %s', r.name, i.inhparent::regclass)
  FROM relations AS r JOIN pg_inherits AS i ON i.inhrelid = r.oid
  UNION ALL
  SELECT r.space, concat_ws(' ',
           format('column %s.%I', r.name, a.attname), format_type(a.atttypid, a.atttypmod),
           CASE WHEN a.attcollation NOT IN (0, t.typcollation)
             THEN 'collate ' || a.attcollation::regcollation::text END,
           CASE WHEN a.attnotnull THEN 'not null' END,
           CASE a.attidentity WHEN 'a' THEN 'identity always' WHEN 'd' THEN 'identity' END,
           CASE a.attgenerated WHEN 's' THEN 'stored' WHEN 'v' THEN 'virtual' END,
           'default ' || pg_get_expr(d.adbin, d.adrelid),
           CASE WHEN a.attstorage <> t.typstorage THEN 'storage ' || a.attstorage::text END,
           'compression ' || NULLIF(a.attcompression::text, ''),
           'statistics ' || NULLIF(COALESCE(a.attstattarget, -1), -1),
           'options ' || array_to_string(a.attoptions, ', '),
           'place ' || row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum))
  FROM relations AS r
  JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_type AS t ON t.oid = a.atttypid
  LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE r.relkind <> 'S'
  UNION ALL
  -- Since PostgreSQL 18 a NOT NULL is a constraint too; its column has said it.
  SELECT r.space, format('constraint %s.%I: %s', r.name, k.conname, pg_get_constraintdef(k.oid))
  FROM relations AS r JOIN pg_constraint AS k ON k.conrelid = r.oid
  WHERE k.contype NOT IN ('n', 't')
  UNION ALL
  SELECT r.space, concat_ws(' ',
           format('index %s', pg_get_indexdef(x.indexrelid)),
           CASE WHEN NOT x.indisvalid THEN 'invalid' END,
           CASE WHEN x.indisclustered THEN 'clustered' END,
           CASE WHEN x.indisreplident THEN 'replica identity' END)
  FROM relations AS r JOIN pg_index AS x ON x.indrelid = r.oid
  UNION ALL
  SELECT r.space, format('query %s: %s', r.name, pg_get_viewdef(r.oid))
  FROM relations AS r WHERE r.relkind IN ('v', 'm')
  UNION ALL
  SELECT r.space, 'rule ' || pg_get_ruledef(w.oid)
  FROM relations AS r JOIN pg_rewrite AS w ON w.ev_class = r.oid AND w.rulename <> '_RETURN'
  UNION ALL
  SELECT r.space, concat_ws(' ', 'trigger', pg_get_triggerdef(g.oid),
                            CASE WHEN g.tgenabled <> 'O' THEN 'fires ' || g.tgenabled::text END)
  FROM relations AS r JOIN pg_trigger AS g ON g.tgrelid = r.oid AND NOT g.tgisinternal
  UNION ALL
  SELECT r.space, concat_ws(' ',
           format('policy %s.%I', r.name, p.polname),
           CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END,
           CASE p.polcmd WHEN '*' THEN 'for all' WHEN 'r' THEN 'for select' WHEN 'a' THEN 'for insert'
             WHEN 'w' THEN 'for update' ELSE 'for delete' END,
           'to ' || (
             SELECT string_agg(CASE role WHEN 0 THEN 'public' ELSE pg_get_userbyid(role) END, ', '
                               ORDER BY pg_get_userbyid(role))
             FROM unnest(p.polroles) AS role),
           'using ' || pg_get_expr(p.polqual, p.polrelid),
           'check ' || pg_get_expr(p.polwithcheck, p.polrelid))
  FROM relations AS r JOIN pg_policy AS p ON p.polrelid = r.oid
  UNION ALL
  SELECT r.space, concat_ws(' ',
           format('numbers %s: %s from %s by %s, %s to %s, cache %s', r.name, format_type(q.seqtypid, NULL),
                  q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcache),
           CASE WHEN q.seqcycle THEN 'cycle' END,
           (SELECT format('of %s.%I', o.refobjid::regclass, a.attname)
            FROM pg_depend AS o JOIN pg_attribute AS a ON a.attrelid = o.refobjid AND a.attnum = o.refobjsubid
            WHERE o.classid = 'pg_class'::regclass AND o.objid = r.oid AND o.deptype IN ('a', 'i')
              AND o.refclassid = 'pg_class'::regclass))
  FROM relations AS r JOIN pg_sequence AS q ON q.seqrelid = r.oid
  UNION ALL
  SELECT r.space, 'statistics ' || pg_get_statisticsobjdef(e.oid)
  FROM relations AS r JOIN pg_statistic_ext AS e ON e.stxrelid = r.oid
  UNION ALL
  SELECT f.space, format('function %s owner %s: %s', f.name, pg_get_userbyid(f.proowner),
                         CASE f.prokind WHEN 'a' THEN 'aggregate' ELSE pg_get_functiondef(f.oid) END)
  FROM functions AS f
  UNION ALL
  SELECT t.space, concat_ws(' ',
           format('type %s owner %s', t.name, pg_get_userbyid(t.typowner)),
           CASE t.typtype
             WHEN 'e' THEN 'enum ' || (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
                                       FROM pg_enum AS e WHERE e.enumtypid = t.oid)
             WHEN 'd' THEN 'domain ' || format_type(t.typbasetype, t.typtypmod)
             WHEN 'r' THEN 'range of ' || (SELECT format_type(g.rngsubtype, NULL) FROM pg_range AS g
                                           WHERE g.rngtypid = t.oid)
           END,
           CASE WHEN t.typnotnull THEN 'not null' END,
           'default ' || t.typdefault)
  FROM types AS t
  UNION ALL
  SELECT t.space, format('constraint %s.%I: %s', t.name, k.conname, pg_get_constraintdef(k.oid))
  FROM types AS t JOIN pg_constraint AS k ON k.contypid = t.oid AND k.contype <> 'n'
  UNION ALL
  SELECT m.space, format('other %s %s', thing.type, thing.identity)
  FROM members AS m CROSS JOIN LATERAL pg_identify_object(m.classid, m.objid, 0) AS thing
  WHERE m.classid NOT IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass,
                          'pg_constraint'::regclass, 'pg_statistic_ext'::regclass,
                          'pg_default_acl'::regclass)
  UNION ALL
  SELECT g.space, format('grant on %s to %s by %s: %s', g.what,
                         CASE a.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(a.grantee) END,
                         pg_get_userbyid(a.grantor),
                         string_agg(lower(a.privilege_type) || CASE WHEN a.is_grantable THEN '*' ELSE '' END,
                                    ', ' ORDER BY a.privilege_type))
  FROM grants AS g CROSS JOIN LATERAL aclexplode(g.acl) AS a
  GROUP BY g.space, g.what, a.grantee, a.grantor
  UNION ALL
  SELECT s.oid, format('default grant of %s on %s to %s: %s', pg_get_userbyid(d.defaclrole), d.defaclobjtype,
                       CASE a.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(a.grantee) END,
                       lower(a.privilege_type))
  FROM spaces AS s
  JOIN pg_default_acl AS d ON d.defaclnamespace = s.oid
  CROSS JOIN LATERAL aclexplode(d.defaclacl) AS a
  UNION ALL
  SELECT m.space, format('comment %s: %s', pg_describe_object(m.classid, m.objid, c.objsubid), c.description)
  FROM members AS m
  JOIN pg_description AS c ON c.classoid = m.classid AND c.objoid = m.objid
  WHERE $3::boolean
)
-- The tenant's own name becomes one word; "tenant-a" is as good as tenant_b.
SELECT s.name AS schema,
       CASE WHEN position(s.name IN l.line) + position(COALESCE(s.alias, s.name) IN l.line) = 0 THEN l.line
       ELSE replace(
              regexp_replace(
                l.line,
                format('(?<![\w$-])(?:%s|%s)(?![\w$-])',
                       regexp_replace(s.name, '([^A-Za-z0-9_])', '\\\1', 'g'),
                       regexp_replace(COALESCE(s.alias, s.name), '([^A-Za-z0-9_])', '\\\1', 'g')),
                '{tenant}', 'g'),
              '"{tenant}"', '{tenant}')
       END AS line
FROM lines AS l JOIN spaces AS s ON s.oid = l.space
