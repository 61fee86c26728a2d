-- ENABLE, or the policies are only text; FORCE, or the owner is exempt.
ALTER TABLE app.tb_user ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.tb_user FORCE ROW LEVEL SECURITY;
ALTER TABLE app.tb_post ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.tb_post FORCE ROW LEVEL SECURITY;
ALTER TABLE app.tb_comment ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.tb_comment FORCE ROW LEVEL SECURITY;

-- tenant_access admits; tenant_fence, being RESTRICTIVE, is AND-ed to whatever admits, so that a
-- policy added later cannot open the table. The sub-SELECT makes the function an InitPlan: it
-- runs once per query, not once per row, and its value can be an index condition.
CREATE POLICY tenant_access ON app.tb_user AS PERMISSIVE FOR ALL TO PUBLIC
  USING (tenant_id = (SELECT fraiseql.current_tenant_id()))
  WITH CHECK (tenant_id = (SELECT fraiseql.current_tenant_id()));
CREATE POLICY tenant_fence ON app.tb_user AS RESTRICTIVE FOR ALL TO PUBLIC
  USING (tenant_id = (SELECT fraiseql.current_tenant_id()))
  WITH CHECK (tenant_id = (SELECT fraiseql.current_tenant_id()));

CREATE POLICY tenant_access ON app.tb_post AS PERMISSIVE FOR ALL TO PUBLIC
  USING (tenant_id = (SELECT fraiseql.current_tenant_id()))
  WITH CHECK (tenant_id = (SELECT fraiseql.current_tenant_id()));
CREATE POLICY tenant_fence ON app.tb_post AS RESTRICTIVE FOR ALL TO PUBLIC
  USING (tenant_id = (SELECT fraiseql.current_tenant_id()))
  WITH CHECK (tenant_id = (SELECT fraiseql.current_tenant_id()));

CREATE POLICY tenant_access ON app.tb_comment AS PERMISSIVE FOR ALL TO PUBLIC
  USING (tenant_id = (SELECT fraiseql.current_tenant_id()))
  WITH CHECK (tenant_id = (SELECT fraiseql.current_tenant_id()));
CREATE POLICY tenant_fence ON app.tb_comment AS RESTRICTIVE FOR ALL TO PUBLIC
  USING (tenant_id = (SELECT fraiseql.current_tenant_id()))
  WITH CHECK (tenant_id = (SELECT fraiseql.current_tenant_id()));
