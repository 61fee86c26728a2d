-- Indexes: their columns (NULL for an expression), and those whose equality is not leakproof, so
-- that it is no index condition below a policy.
SELECT
  i.indrelid                                      AS relation,
  c.relname::text                                 AS name,
  i.indisunique                                   AS is_unique,
  i.indisprimary                                  AS is_primary,
  am.amname::text                                 AS method,
  k.columns,
  k.leaky
FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indexrelid
JOIN pg_am AS am ON am.oid = c.relam
JOIN pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
  SELECT
    array_agg(a.attname::text ORDER BY key.position) AS columns,
    array_agg(COALESCE(a.attname::text, 'an expression') || ' ' || operator.names
              ORDER BY key.position) FILTER (WHERE operator.names IS NOT NULL) AS leaky
  FROM unnest(i.indkey[0:i.indnkeyatts - 1], i.indclass)
    WITH ORDINALITY AS key(attnum, opclass, position)
  LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = key.attnum
  JOIN pg_opclass AS oc ON oc.oid = key.opclass
  LEFT JOIN LATERAL (
    SELECT string_agg(DISTINCT o.oprname::text, ' ') AS names
    FROM pg_amop AS ao
    JOIN pg_operator AS o ON o.oid = ao.amopopr
    JOIN pg_proc AS f ON f.oid = o.oprcode
    WHERE ao.amopfamily = oc.opcfamily AND ao.amoplefttype = oc.opcintype
      AND ao.amoprighttype = oc.opcintype AND ao.amoppurpose = 's' AND NOT f.proleakproof
  ) AS operator ON true
  WHERE key.attnum IS NOT NULL
) AS k
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY c.relname
