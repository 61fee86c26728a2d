-- What comes first in a place's migration; the body of a DO, or of a function whose plans are kept.
-- fraiseql.schema is where its tables are, fraiseql.found where the search path leads to;
-- fraiseql.version_table the qualified name of its version table; fraiseql.expected, where it is
-- set, the revisions it must have, sorted.
DECLARE
  home constant text := current_setting('fraiseql.schema');
  expected constant text := current_setting('fraiseql.expected', true);
  versions constant regclass := to_regclass(current_setting('fraiseql.version_table'));
  found text := '';
BEGIN
  -- One migration of a place at a time, whoever started it. It ends with the transaction, so that
  -- of a process that was killed nothing is left (SECURITY.md, lifecycle: crash half-way).
  PERFORM pg_advisory_xact_lock(hashtextextended('fraiseql.migrate:' || home, 0));

  -- A schema that is missing is skipped, and tables would go to the next one in the path.
  IF current_setting('fraiseql.found') <> home THEN
    RAISE EXCEPTION USING ERRCODE = 'FQ002',
      MESSAGE = format('there is no schema %I that the migrator may use', home);
  END IF;

  IF expected <> '' THEN
    IF versions IS NOT NULL THEN
      EXECUTE format('SELECT string_agg(version_num, '','' ORDER BY version_num COLLATE "C") FROM %s',
                     versions) INTO found;
    END IF;
    IF COALESCE(found, '') <> expected THEN
      RAISE EXCEPTION USING ERRCODE = 'FQ003',
        MESSAGE = format('it is at revision %s by now, not %s', COALESCE(NULLIF(found, ''), 'none'), expected);
    END IF;
  END IF;

  -- CREATE OR REPLACE VIEW drops the option without a word (SECURITY.md, the seven, 3): end.sql
  -- looks for those that had it.
  PERFORM set_config('fraiseql.invokers', COALESCE((
    SELECT string_agg(quote_ident(c.relname), E'\n')
    FROM pg_namespace AS n
    JOIN pg_depend AS d ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid
     AND d.classid = 'pg_class'::regclass
    JOIN pg_class AS c ON c.oid = d.objid
    WHERE n.nspname = home AND c.relkind = 'v'
      AND (SELECT o.option_value::boolean FROM pg_options_to_table(c.reloptions) AS o
           WHERE o.option_name = 'security_invoker')
  ), ''), true);
END
