INSERT INTO tb_post (user_id, title, content) VALUES (:user, :title, :content) RETURNING id
