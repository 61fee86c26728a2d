-- A migration ends by handing over what it made, object by object: REASSIGN OWNED takes a lock on
-- everything the role owns at once. app_migrator keeps access as a member of app_owner.
ALTER FUNCTION fraiseql.current_tenant_id() OWNER TO app_owner;
ALTER TABLE fraiseql.tenants OWNER TO app_owner;
ALTER TABLE app.tb_user OWNER TO app_owner;
ALTER TABLE app.tb_post OWNER TO app_owner;
ALTER TABLE app.tb_comment OWNER TO app_owner;
ALTER VIEW app.v_user OWNER TO app_owner;
ALTER VIEW app.v_post OWNER TO app_owner;
ALTER VIEW app.v_comment OWNER TO app_owner;
