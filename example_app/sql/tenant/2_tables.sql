-- The same tables as in 4_tables.sql, without the tenant: no column names it, no key begins with
-- it, and there is no policy, since there are no other tenant's rows here.
CREATE TABLE tb_user (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL,
  email text NOT NULL UNIQUE
);

CREATE TABLE tb_post (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid REFERENCES tb_user,  -- nobody, when the token's user is not among the tenant's
  title text NOT NULL,
  content text NOT NULL,
  published boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE tb_comment (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  post_id uuid NOT NULL REFERENCES tb_post ON DELETE CASCADE,
  user_id uuid NOT NULL REFERENCES tb_user,
  content text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX tb_post_recent ON tb_post (created_at DESC, id);
CREATE INDEX tb_post_published ON tb_post (published, created_at DESC, id);
CREATE INDEX tb_comment_thread ON tb_comment (post_id, created_at, id);
CREATE INDEX tb_post_author ON tb_post (user_id);
CREATE INDEX tb_comment_author ON tb_comment (user_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON tb_user, tb_post, tb_comment TO app;
