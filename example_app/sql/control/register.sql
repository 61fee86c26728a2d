-- A tenant and its database; a tenant that is known already keeps its status.
INSERT INTO fraiseql.tenant_databases (tenant_id, name, plan, database_url)
VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id) DO UPDATE SET database_url = excluded.database_url
WHERE tenant_databases.database_url <> excluded.database_url;
