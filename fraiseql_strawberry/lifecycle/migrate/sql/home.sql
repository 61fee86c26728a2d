-- Where tenants have no schemas of their own: makes the schema of their tables, and that of the
-- version table. Nothing is done to one that is there.
DO $$
DECLARE
  owner constant text := NULLIF(current_setting('fraiseql.owner'), '');
  application constant text := NULLIF(current_setting('fraiseql.application'), '');
  wanted text;
BEGIN
  FOR wanted IN
    SELECT current_setting('fraiseql.schema')
    UNION
    SELECT 'fraiseql' WHERE current_setting('fraiseql.strategy') = 'row'
  LOOP
    IF to_regnamespace(quote_ident(wanted)) IS NULL THEN
      EXECUTE format('CREATE SCHEMA %I', wanted)
        || CASE WHEN owner IS NULL THEN '' ELSE format(' AUTHORIZATION %I', owner) END;
      IF application IS NOT NULL THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', wanted, application);
      END IF;
    END IF;
  END LOOP;
END
$$
