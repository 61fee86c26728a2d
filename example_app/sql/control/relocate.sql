-- All tenants' databases are on one server, whose URL begins with $1: its port may be another one
-- than yesterday.
UPDATE fraiseql.tenant_databases
SET database_url = $1 || '/' || substring(database_url FROM '[^/?]+(?:\?[^/]*)?$')
WHERE NOT starts_with(database_url, $1 || '/');
