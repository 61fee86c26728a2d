-- name: insert
INSERT INTO fraiseql.tenants AS t (id, name, plan, status, placement, settings, tags, origin)
VALUES ($1::text::{id}, $2, $3, 'provisioning', $4::jsonb, $5::jsonb, $6, $7::jsonb)
ON CONFLICT (id) DO NOTHING
RETURNING {columns}

-- name: get
SELECT {columns} FROM fraiseql.tenants AS t WHERE t.id = $1::text::{id}

-- name: lock
SELECT {columns} FROM fraiseql.tenants AS t WHERE t.id = $1::text::{id} FOR UPDATE

-- name: page
SELECT {columns} FROM fraiseql.tenants AS t
WHERE ($1::text IS NULL OR t.id > $1::text::{id})
  AND ($2::text[] IS NULL OR t.status = ANY ($2))
  AND ($3::text IS NULL OR $3 = ANY (t.tags))
  AND ($4::text IS NULL OR t.plan = $4)
ORDER BY t.id
LIMIT $5

-- name: set_status
UPDATE fraiseql.tenants AS t
SET status = $2, status_at = clock_timestamp(), updated_at = clock_timestamp()
WHERE t.id = $1::text::{id}
RETURNING {columns}

-- name: place
UPDATE fraiseql.tenants AS t
SET placement = $2::jsonb, updated_at = clock_timestamp()
WHERE t.id = $1::text::{id}
RETURNING {columns}

-- name: set_origin
UPDATE fraiseql.tenants AS t
SET origin = $2::jsonb, updated_at = clock_timestamp()
WHERE t.id = $1::text::{id}
RETURNING {columns}

-- name: change
UPDATE fraiseql.tenants AS t
SET name = COALESCE($2, t.name),
    plan = COALESCE($3, t.plan),
    settings = COALESCE($4::jsonb, t.settings),
    tags = COALESCE($5::text[], t.tags),
    updated_at = clock_timestamp()
WHERE t.id = $1::text::{id}
RETURNING {columns}

-- name: remove
DELETE FROM fraiseql.tenants AS t WHERE t.id = $1::text::{id}
