-- name: begin
INSERT INTO fraiseql.all_tenants_uses (reason, used_by, writes) VALUES ($1, $2, $3) RETURNING id

-- name: see_all
-- Where policies would hide rows, fail: all means all.
SELECT set_config('row_security', 'off', true), set_config('application_name', $1, true)

-- name: end
UPDATE fraiseql.all_tenants_uses SET ended_at = clock_timestamp(), outcome = $2 WHERE id = $1
