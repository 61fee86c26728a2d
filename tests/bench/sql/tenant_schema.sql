-- One tenant's schema, {schema}: the blog's tables without a tenant's column.
CREATE SCHEMA {schema};
CREATE TABLE {schema}.tb_user (
  id uuid NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
  name text NOT NULL,
  email text NOT NULL UNIQUE
);
CREATE TABLE {schema}.tb_post (
  id uuid NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
  user_id uuid REFERENCES {schema}.tb_user (id),
  title text NOT NULL,
  content text NOT NULL,
  published boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE {schema}.tb_comment (
  id uuid NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
  post_id uuid NOT NULL REFERENCES {schema}.tb_post (id) ON DELETE CASCADE,
  user_id uuid NOT NULL REFERENCES {schema}.tb_user (id),
  content text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON {schema}.tb_post (created_at DESC, id);
CREATE INDEX ON {schema}.tb_comment (post_id, created_at, id);
CREATE VIEW {schema}.v_user AS SELECT id, name, email FROM {schema}.tb_user;
CREATE VIEW {schema}.v_post AS SELECT id, user_id, title, content, published, created_at FROM {schema}.tb_post;
CREATE VIEW {schema}.v_comment AS SELECT id, post_id, user_id, content, created_at FROM {schema}.tb_comment;
GRANT USAGE ON SCHEMA {schema} TO app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO app;
