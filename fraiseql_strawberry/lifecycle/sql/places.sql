-- name: become
SELECT set_config('search_path', COALESCE($1, (
         SELECT substr(item, length('search_path=') + 1)
         FROM pg_db_role_setting AS s, unnest(s.setconfig) AS item
         WHERE item LIKE 'search\_path=%'
           AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
           AND s.setrole IN (0, COALESCE(to_regrole(quote_ident($2)), 0))
         ORDER BY s.setrole <> 0 DESC, s.setdatabase <> 0 DESC
         LIMIT 1
       ), current_setting('search_path')), true)

-- name: take_role
SELECT set_config('role', $1, true)

-- name: set_tenant
SELECT set_config($1, $2, true)

-- name: delete_some
DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM ONLY {table}{condition} LIMIT $1))

-- name: delete_all
DELETE FROM {table}{condition}

-- name: defer
SET CONSTRAINTS ALL DEFERRED
