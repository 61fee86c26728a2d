INSERT INTO tb_post (user_id, title, content)
SELECT user_id, title, :content
FROM unnest(:users, :titles) WITH ORDINALITY AS given(user_id, title, place) ORDER BY place
RETURNING id, title
