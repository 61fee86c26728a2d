-- Tenants that had a database before they had a record: their lives go on from there.
INSERT INTO fraiseql.tenants (id, name, plan, status)
SELECT tenant_id, name, plan, status FROM fraiseql.tenant_databases
ON CONFLICT (id) DO NOTHING;
