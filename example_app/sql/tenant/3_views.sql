-- The same views as in 6_views.sql. security_invoker: whoever asks needs rights on the tables too,
-- so a view can never show more than they do. A view finds its tables once, when it is created:
-- no search_path leads it elsewhere later.
CREATE VIEW v_user WITH (security_invoker = true) AS
  SELECT id, name, email FROM tb_user;

CREATE VIEW v_post WITH (security_invoker = true) AS
  SELECT id, user_id, title, content, published, created_at FROM tb_post;

CREATE VIEW v_comment WITH (security_invoker = true) AS
  SELECT id, post_id, user_id, content, created_at FROM tb_comment;

GRANT SELECT ON v_user, v_post, v_comment TO app;
