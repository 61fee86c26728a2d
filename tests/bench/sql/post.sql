SELECT row_to_json(d) FROM (SELECT (SELECT t2 FROM (
  SELECT t1.id, t1.title, t1.content, t1.created_at AS "createdAt"
  FROM v_post AS t1 WHERE t1.id = :id
) AS t2) AS post) AS d
