SELECT row_to_json(d) FROM (SELECT ARRAY(SELECT t2 FROM (
  SELECT t1.id, t1.title, t1.published, t1.created_at AS "createdAt"
  FROM v_post AS t1 WHERE t1.published = :published
  ORDER BY t1.created_at DESC, t1.id LIMIT :limit OFFSET :offset
) AS t2) AS posts) AS d
