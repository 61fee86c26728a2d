-- What the service asks of Citus's catalog, in a PostgreSQL that has no Citus. Run as a superuser in
-- a blog's database: tables under row security count as distributed by tenant.
SET allow_system_table_mods = on;

INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
SELECT 16000, 'citus', 10, 'pg_catalog'::regnamespace, false, 'stand-in';

CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass, partmethod "char", partkey text);
GRANT SELECT ON pg_catalog.pg_dist_partition TO PUBLIC;
INSERT INTO pg_catalog.pg_dist_partition
SELECT oid, 'h', 'tenant_id' FROM pg_class WHERE relrowsecurity;

-- In Citus, partkey is an expression tree, and this reads it.
CREATE FUNCTION pg_catalog.column_to_column_name(regclass, text) RETURNS text
  LANGUAGE sql IMMUTABLE RETURN $2;

RESET allow_system_table_mods;
