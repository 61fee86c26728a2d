-- Announces changed rows by NOTIFY, for subscriptions with a channel. Needs a schema fraiseql; then,
-- as the owner of a table,
--   SELECT fraiseql.announce_rows('app.tb_post', 'posts', tenant => 'tenant_id');   -- row isolation
--   SELECT fraiseql.announce_rows('app.tb_post', 'posts');   -- a schema or a database per tenant
-- An announcement says which row changed and how, and nothing that stands in it: every role that
-- may connect can LISTEN.

CREATE FUNCTION fraiseql.notify_row() RETURNS trigger
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  changed pg_catalog.jsonb := pg_catalog.to_jsonb(CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END);
BEGIN
  PERFORM pg_catalog.pg_notify(TG_ARGV[0], pg_catalog.json_build_object(
    -- Whose row it is: policies have held the column to the tenant; else the schema is the tenant's.
    'tenant', CASE WHEN TG_ARGV[2] = '' THEN TG_TABLE_SCHEMA::text
                   ELSE changed ->> TG_ARGV[2] END,
    'key', changed ->> TG_ARGV[1],
    'operation', pg_catalog.lower(TG_OP))::text);
  RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION fraiseql.notify_row() FROM PUBLIC;

-- key: the column that identifies a row; tenant: the one that holds the tenant, '' for none.
CREATE FUNCTION fraiseql.announce_rows(
  announced regclass, channel text, key text DEFAULT 'id', tenant text DEFAULT ''
) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  EXECUTE pg_catalog.format(
    'CREATE OR REPLACE TRIGGER %I AFTER INSERT OR UPDATE OR DELETE ON %s
       FOR EACH ROW EXECUTE FUNCTION fraiseql.notify_row(%L, %L, %L)',
    'fraiseql_announced_' || channel, announced, channel, key, tenant);
END
$$;
REVOKE EXECUTE ON FUNCTION fraiseql.announce_rows(regclass, text, text, text) FROM PUBLIC;
