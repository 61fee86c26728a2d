-- The routing table of database isolation; one that is there keeps its rows and gets the columns that
-- it lacks. In a transaction that has set fraiseql.registry_table and fraiseql.registry_reader.
DO $$
DECLARE
  given text[] := parse_ident(current_setting('fraiseql.registry_table'), true);
  wanted text := (SELECT string_agg(quote_ident(part), '.') FROM unnest(given) AS part);
  reader text := NULLIF(current_setting('fraiseql.registry_reader'), '');
  id_type text := CASE current_setting('fraiseql.id_type')
    WHEN 'uuid' THEN 'uuid' ELSE 'text COLLATE "C"' END;
  found regclass;
BEGIN
  IF to_regclass(wanted) IS NULL THEN
    EXECUTE format(
      'CREATE TABLE %s (tenant_id %s PRIMARY KEY, database_url text NOT NULL,
       created_at timestamptz NOT NULL DEFAULT now())', wanted, id_type);
  END IF;
  found := to_regclass(wanted);
  EXECUTE format(
    'ALTER TABLE %s ADD COLUMN IF NOT EXISTS name text, ADD COLUMN IF NOT EXISTS plan text,
     ADD COLUMN IF NOT EXISTS status text', found);
  IF NOT EXISTS (
    SELECT FROM pg_trigger WHERE tgrelid = found AND tgname = 'fraiseql_tenant_changed'
  ) THEN
    PERFORM fraiseql.announce_changes(found);
  END IF;
  IF reader IS NOT NULL THEN
    EXECUTE format('GRANT USAGE ON SCHEMA %s TO %I',
      (SELECT relnamespace::regnamespace FROM pg_class WHERE oid = found), reader);
    EXECUTE format('GRANT SELECT ON %s TO %I', found, reader);
    EXECUTE format('GRANT USAGE ON SCHEMA fraiseql TO %I', reader);
    EXECUTE format('GRANT SELECT ON fraiseql.registry_generation TO %I', reader);
  END IF;
END
$$;
