-- name: tables
-- The tables that are distributed by the values of a column, and that column. Those of distributed
-- schemas and reference tables have none.
SELECT n.nspname::text AS schema, c.relname::text AS name,
       column_to_column_name(p.logicalrelid, p.partkey) AS "column"
FROM pg_dist_partition AS p
JOIN pg_class AS c ON c.oid = p.logicalrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE p.partmethod = 'h'

-- name: catalog
-- The catalog, and of each source the column by which the tables are distributed that it reads,
-- through any number of views.
WITH RECURSIVE reading AS (
  SELECT name AS source, to_regclass(name)::oid AS relation FROM unnest($1::text[]) AS name
  UNION
  SELECT reading.source, d.refobjid
  FROM reading
  JOIN pg_rewrite AS r ON r.ev_class = reading.relation
  JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                     AND d.refclassid = 'pg_class'::regclass
), distributed AS (
  SELECT reading.source, min(column_to_column_name(p.logicalrelid, p.partkey)) AS distributed_by
  FROM reading
  JOIN pg_dist_partition AS p ON p.logicalrelid = reading.relation::regclass AND p.partmethod = 'h'
  GROUP BY reading.source
)
SELECT columns.*, distributed.distributed_by
FROM ({catalog}) AS columns
LEFT JOIN distributed USING (source)
