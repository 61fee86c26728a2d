-- After control.sql and the registry's changes.sql: every change of a tenant is announced, and the
-- service reads who is served; it changes nothing here.

DO $$
DECLARE
  service text := NULLIF(current_setting('fraiseql.service_role'), '');
BEGIN
  IF NOT EXISTS (
    SELECT FROM pg_trigger
    WHERE tgrelid = 'fraiseql.tenants'::regclass AND tgname = 'fraiseql_tenant_changed'
  ) THEN
    PERFORM fraiseql.announce_changes('fraiseql.tenants');
  END IF;
  IF service IS NOT NULL THEN
    EXECUTE format('GRANT USAGE ON SCHEMA fraiseql TO %I', service);
    EXECUTE format(
      'GRANT SELECT (id, name, plan, status, placement) ON fraiseql.tenants TO %I', service);
    EXECUTE format('GRANT SELECT ON fraiseql.registry_generation TO %I', service);
  END IF;
END
$$;
