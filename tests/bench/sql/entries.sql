-- A million rows of one tenant, for pages far into a list.
CREATE TABLE app.tb_entry (
  tenant_id uuid NOT NULL DEFAULT fraiseql.current_tenant_id(),
  id uuid NOT NULL, number int NOT NULL, title text NOT NULL, created_at timestamptz NOT NULL
);
INSERT INTO app.tb_entry (tenant_id, id, number, title, created_at)
  SELECT :tenant, md5('entry:' || n)::uuid, n, 'Entry ' || n,
    timestamptz '2024-01-01' + n / 3 * interval '1 second'
  FROM generate_series(1, 1000000) AS n;
ALTER TABLE app.tb_entry ADD PRIMARY KEY (tenant_id, id);
CREATE INDEX ON app.tb_entry (tenant_id, created_at DESC, id);
CREATE INDEX ON app.tb_entry (tenant_id, number);
ALTER TABLE app.tb_entry ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.tb_entry FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_access ON app.tb_entry
  USING (tenant_id = (SELECT fraiseql.current_tenant_id()))
  WITH CHECK (tenant_id = (SELECT fraiseql.current_tenant_id()));
CREATE POLICY tenant_fence ON app.tb_entry AS RESTRICTIVE
  USING (tenant_id = (SELECT fraiseql.current_tenant_id()))
  WITH CHECK (tenant_id = (SELECT fraiseql.current_tenant_id()));
CREATE VIEW app.v_entry WITH (security_invoker = true) AS
  SELECT id, number, title, created_at FROM app.tb_entry;
ALTER TABLE app.tb_entry OWNER TO app_owner;
ALTER VIEW app.v_entry OWNER TO app_owner;
GRANT SELECT ON app.tb_entry, app.v_entry TO app;
