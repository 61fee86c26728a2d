SELECT array_to_json(ARRAY(SELECT t2 FROM (
  SELECT t1.id, t1.title, t1.published, t1.created_at
  FROM v_post AS t1 ORDER BY t1.created_at DESC, t1.id LIMIT :limit
) AS t2))
