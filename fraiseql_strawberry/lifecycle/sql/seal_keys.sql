-- name: forget_retired
DELETE FROM fraiseql.seal_keys WHERE retires_at < now()

-- name: add
INSERT INTO fraiseql.seal_keys (id, inner_pad, outer_pad) VALUES ($1, $2, $3)

-- name: retire_others
UPDATE fraiseql.seal_keys
SET retires_at = least(retires_at, now() + make_interval(secs => $2))
WHERE id <> $1

-- name: list
SELECT id, made_at, retires_at FROM fraiseql.seal_keys ORDER BY made_at DESC, id

-- name: believed
SELECT set_config($1, $2, true), fraiseql.current_tenant_id()::text AS tenant
