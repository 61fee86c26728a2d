SELECT row_to_json(d) FROM (SELECT ARRAY(SELECT t2 FROM (
  SELECT t1.id, t1.title,
    (SELECT t4 FROM (
      SELECT t3.name FROM v_user AS t3 WHERE t3.id = t1.user_id
    ) AS t4) AS author,
    ARRAY(SELECT t6 FROM (
      SELECT t5.content,
        (SELECT t8 FROM (
          SELECT t7.name FROM v_user AS t7 WHERE t7.id = t5.user_id
        ) AS t8) AS author
      FROM v_comment AS t5 WHERE t5.post_id = t1.id
      ORDER BY t5.created_at, t5.id LIMIT 3
    ) AS t6) AS comments
  FROM v_post AS t1 ORDER BY t1.created_at DESC, t1.id LIMIT :limit
) AS t2) AS posts) AS d
