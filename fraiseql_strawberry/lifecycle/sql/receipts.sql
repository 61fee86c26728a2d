-- name: begin
INSERT INTO fraiseql.receipts (tenant_id, tenant, deleted_by, reason, tables)
VALUES ($1, $2::jsonb, $3, $4, $5::jsonb)
ON CONFLICT (tenant_id) WHERE finished_at IS NULL DO NOTHING

-- name: unfinished
SELECT {columns} FROM fraiseql.receipts AS r WHERE r.tenant_id = $1 AND r.finished_at IS NULL

-- name: finish
UPDATE fraiseql.receipts AS r
SET finished_at = clock_timestamp(), residue = $2::jsonb
WHERE r.tenant_id = $1 AND r.finished_at IS NULL
RETURNING {columns}

-- name: last
SELECT {columns} FROM fraiseql.receipts AS r
WHERE ($1::text IS NULL OR r.tenant_id = $1) AND r.finished_at IS NOT NULL
ORDER BY r.finished_at DESC
LIMIT $2
