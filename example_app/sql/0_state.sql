-- What the current database holds: the mark that the migration left on the schema $1, and whether
-- there is anything.
SELECT
  obj_description(to_regnamespace($1::text), 'pg_namespace') AS mark,
  EXISTS (
    SELECT FROM pg_namespace
    WHERE nspname NOT IN ('public', 'information_schema') AND nspname !~ '^pg_'
  ) OR EXISTS (
    SELECT FROM pg_class WHERE relnamespace = to_regnamespace('public')
  ) AS occupied;
