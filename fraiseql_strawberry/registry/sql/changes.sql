-- Announces every change of a table of tenants: by NOTIFY to whoever listens, and by a counter for
-- services behind a pooler that delivers no notifications. Needs a schema fraiseql; then
-- SELECT fraiseql.announce_changes('schema.table') for each table whose key is id or tenant_id.

-- One row. A sequence would be seen before the change is committed; this is seen with it.
CREATE TABLE fraiseql.registry_generation (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  generation bigint NOT NULL DEFAULT 0,
  changed_in xid8  -- the transaction that counted last
);
INSERT INTO fraiseql.registry_generation DEFAULT VALUES;

-- SECURITY DEFINER: whoever may change a tenant need not be allowed to touch the counter.
CREATE FUNCTION fraiseql.notify_tenant_change() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD IS NOT DISTINCT FROM NEW THEN
    RETURN NULL;
  END IF;
  -- Once per transaction: ten thousand updates of one row in one transaction take minutes.
  UPDATE fraiseql.registry_generation
  SET generation = generation + 1, changed_in = pg_catalog.pg_current_xact_id()
  WHERE changed_in IS DISTINCT FROM pg_catalog.pg_current_xact_id();
  IF TG_LEVEL = 'STATEMENT' THEN
    PERFORM pg_catalog.pg_notify('fraiseql_tenants', '');
    RETURN NULL;
  END IF;
  PERFORM pg_catalog.pg_notify('fraiseql_tenants', ids.id)
  FROM (
    SELECT DISTINCT columns.value
    FROM (VALUES (pg_catalog.to_jsonb(OLD)), (pg_catalog.to_jsonb(NEW))) AS versions (version)
    CROSS JOIN LATERAL pg_catalog.jsonb_each_text(versions.version) AS columns (name, value)
    WHERE columns.name IN ('id', 'tenant_id')
      AND pg_catalog.length(columns.value) BETWEEN 1 AND 100
  ) AS ids (id);
  RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION fraiseql.notify_tenant_change() FROM PUBLIC;

-- Deferred: the counter's row is locked from COMMIT on only, so that transactions that change
-- tenants and then work for minutes do not wait for each other.
CREATE FUNCTION fraiseql.announce_changes(tenants regclass) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  EXECUTE pg_catalog.format(
    'DROP TRIGGER IF EXISTS fraiseql_tenant_changed ON %s', tenants);
  EXECUTE pg_catalog.format(
    'CREATE CONSTRAINT TRIGGER fraiseql_tenant_changed
       AFTER INSERT OR UPDATE OR DELETE ON %s DEFERRABLE INITIALLY DEFERRED
       FOR EACH ROW EXECUTE FUNCTION fraiseql.notify_tenant_change()', tenants);
  EXECUTE pg_catalog.format(
    'CREATE OR REPLACE TRIGGER fraiseql_tenants_truncated
       AFTER TRUNCATE ON %s
       FOR EACH STATEMENT EXECUTE FUNCTION fraiseql.notify_tenant_change()', tenants);
END
$$;
REVOKE EXECUTE ON FUNCTION fraiseql.announce_changes(regclass) FROM PUBLIC;
