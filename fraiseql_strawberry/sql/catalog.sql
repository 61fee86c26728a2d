-- The columns of the sources named in $1 (quoted names), as this connection's role and search path
-- see them. Domains are followed to their base type, arrays to their element. A schema is named only
-- where it is not the current one, which is the tenant's own where tenants have schemas.
WITH RECURSIVE columns AS (
    SELECT source.name AS source, a.attname AS "column", a.attnum AS position, a.atttypid AS type,
           a.attnotnull AS not_null, c.relnamespace AS namespace,
           has_column_privilege(c.oid, a.attnum, 'SELECT') AS readable
    FROM unnest($1::text[]) AS source(name)
    JOIN pg_class AS c ON c.oid = to_regclass(source.name)
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
), types AS (
    SELECT source, "column", position, namespace, not_null, readable, type, false AS is_array
    FROM columns
    UNION ALL
    SELECT source, "column", position, namespace, not_null, readable,
           CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.typelem END,
           types.is_array OR t.typtype <> 'd'
    FROM types JOIN pg_type AS t ON t.oid = types.type
    WHERE t.typtype = 'd' OR t.typcategory = 'A'
)
SELECT types.source, types."column", t.typname AS type, types.is_array, types.not_null, types.readable,
       CASE WHEN n.nspname IS DISTINCT FROM current_schema() THEN n.nspname END AS type_schema,
       CASE WHEN home.nspname IS DISTINCT FROM current_schema() THEN home.nspname END AS source_schema,
       CASE WHEN t.typtype = 'e' THEN
           ARRAY(SELECT e.enumlabel::text FROM pg_enum AS e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder)
       END AS labels
FROM types
JOIN pg_type AS t ON t.oid = types.type
JOIN pg_namespace AS n ON n.oid = t.typnamespace
JOIN pg_namespace AS home ON home.oid = types.namespace
WHERE t.typtype <> 'd' AND t.typcategory <> 'A'
ORDER BY types.source, types.position
