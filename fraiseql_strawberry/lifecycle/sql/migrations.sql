-- name: set_path
SELECT set_config('search_path', $1, true)

-- name: is_noted
SELECT to_regclass($1) IS NOT NULL

-- name: note
CREATE TABLE {schema}.fraiseql_revision (revision text NOT NULL);
INSERT INTO {schema}.fraiseql_revision VALUES ('{revision}');
