-- Foreign keys with the columns of both sides.
SELECT
  f.conname::text                                 AS name,
  f.conrelid                                      AS relation,
  f.confrelid                                     AS referenced,
  f.confdeltype::text                             AS on_delete,
  f.confupdtype::text                             AS on_update,
  ARRAY(SELECT a.attname::text FROM unnest(f.conkey) WITH ORDINALITY AS k(n, p)
        JOIN pg_attribute AS a ON a.attrelid = f.conrelid AND a.attnum = k.n ORDER BY p) AS columns,
  ARRAY(SELECT a.attname::text FROM unnest(f.confkey) WITH ORDINALITY AS k(n, p)
        JOIN pg_attribute AS a ON a.attrelid = f.confrelid AND a.attnum = k.n ORDER BY p)
                                                  AS referenced_columns
FROM pg_constraint AS f
WHERE f.contype = 'f' AND f.conparentid = 0
ORDER BY f.conname
