SELECT row_to_json(d) FROM (SELECT (
  WITH p AS MATERIALIZED (
    SELECT row_number() OVER (ORDER BY t1.created_at DESC, t1.id) AS n,
      t1.id, t1.title, t1.created_at
    FROM v_post AS t1
    WHERE t1.created_at <= :at AND (t1.created_at < :at OR t1.id > :id)
    ORDER BY t1.created_at DESC, t1.id LIMIT :limit + 1
  )
  SELECT t6 FROM (SELECT
    ARRAY(SELECT t3 FROM (
      SELECT (SELECT t2 FROM (SELECT p.id, p.title, p.created_at AS "createdAt") AS t2) AS node
      FROM p WHERE p.n <= :limit ORDER BY p.n
    ) AS t3) AS edges,
    (SELECT t5 FROM (SELECT
      (SELECT count(*) FROM p) > :limit AS "hasNextPage",
      (SELECT p.created_at || '|' || p.id FROM p WHERE p.n <= :limit ORDER BY p.n DESC LIMIT 1)
        AS "endCursor"
    ) AS t5) AS "pageInfo"
  ) AS t6
) AS feed) AS d
