SELECT row_to_json(d) FROM (SELECT (SELECT t4 FROM (SELECT
  t1.n AS count,
  ARRAY(SELECT t3 FROM (
    SELECT (SELECT t5 FROM (SELECT t2.published) AS t5) AS keys, t2.n AS count
    FROM (
      SELECT published, count(*) AS n FROM v_post GROUP BY published ORDER BY published
    ) AS t2
  ) AS t3) AS "groupBy"
  FROM (SELECT count(*) AS n FROM v_post) AS t1
) AS t4) AS "postsAggregate") AS d
