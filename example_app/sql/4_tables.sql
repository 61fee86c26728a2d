-- The tenants themselves: no tenant's data, so they stand outside the schema app, in which every
-- table is under row-level security. The application may read what it needs to admit a request.
CREATE TABLE fraiseql.tenants (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  plan text NOT NULL,
  status text NOT NULL DEFAULT 'active'
    CHECK (status IN ('provisioning', 'active', 'suspended', 'archived', 'deleting')),
  created_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT (id, name, plan, status) ON fraiseql.tenants TO app;

-- Every key begins with the tenant, so that no reference can point at, and no uniqueness can
-- tell of, another tenant's row.
CREATE TABLE app.tb_user (
  tenant_id uuid NOT NULL DEFAULT fraiseql.current_tenant_id(),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  name text NOT NULL,
  email text NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, email)
);

CREATE TABLE app.tb_post (
  tenant_id uuid NOT NULL DEFAULT fraiseql.current_tenant_id(),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  user_id uuid,  -- nobody, when the token's user is not among the tenant's
  title text NOT NULL,
  content text NOT NULL,
  published boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES app.tb_user (tenant_id, id)
);

CREATE TABLE app.tb_comment (
  tenant_id uuid NOT NULL DEFAULT fraiseql.current_tenant_id(),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  post_id uuid NOT NULL,
  user_id uuid NOT NULL,
  content text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, post_id) REFERENCES app.tb_post (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, user_id) REFERENCES app.tb_user (tenant_id, id)
);

-- The newest posts of a tenant, all of them or only the published: a page is read from the index
-- in order, however many posts the other tenants have. The id breaks ties.
CREATE INDEX tb_post_recent ON app.tb_post (tenant_id, created_at DESC, id);
CREATE INDEX tb_post_published ON app.tb_post (tenant_id, published, created_at DESC, id);
-- The comments below a post, oldest first.
CREATE INDEX tb_comment_thread ON app.tb_comment (tenant_id, post_id, created_at, id);
-- What a user wrote; and the foreign keys, when a user is deleted.
CREATE INDEX tb_post_author ON app.tb_post (tenant_id, user_id);
CREATE INDEX tb_comment_author ON app.tb_comment (tenant_id, user_id);

-- Not TRUNCATE (it ignores policies), REFERENCES or TRIGGER.
GRANT SELECT, INSERT, UPDATE, DELETE ON app.tb_user, app.tb_post, app.tb_comment TO app;
