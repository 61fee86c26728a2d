-- name: claim
-- Whoever else claims at the same time skips the row that is locked, and takes the next.
DELETE FROM fraiseql.warm_places WHERE name = (
  SELECT name FROM fraiseql.warm_places WHERE template_id = $1
  ORDER BY created_at
  FOR UPDATE SKIP LOCKED
  LIMIT 1
)
RETURNING name

-- name: count
SELECT count(*) FROM fraiseql.warm_places WHERE template_id = $1

-- name: add
INSERT INTO fraiseql.warm_places (name, template_id) VALUES ($1, $2)

-- name: names
SELECT name FROM fraiseql.warm_places

-- name: outdated
SELECT w.name FROM fraiseql.warm_places AS w
JOIN fraiseql.templates AS t ON t.id = w.template_id
WHERE t.kind = $1 AND NOT t.current
FOR UPDATE OF w

-- name: remove
DELETE FROM fraiseql.warm_places WHERE name = $1
