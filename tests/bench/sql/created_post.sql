SELECT row_to_json(d) FROM (SELECT (SELECT t2 FROM (
  SELECT t1.id, t1.title,
    (SELECT t4 FROM (
      SELECT t3.name FROM v_user AS t3 WHERE t3.id = t1.user_id
    ) AS t4) AS author
  FROM v_post AS t1 WHERE t1.id = :id
) AS t2) AS "createPost") AS d
