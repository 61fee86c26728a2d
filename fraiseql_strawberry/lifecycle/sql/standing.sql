-- name: now
-- Every transaction that writes already has a lower number than this, or is listed in it.
SELECT pg_snapshot_xmax(pg_current_snapshot())::text

-- name: is_past
SELECT pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8
