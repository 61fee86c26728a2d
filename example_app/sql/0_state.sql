-- What the current database holds: the mark that the migration left, and whether there is anything.
SELECT
  obj_description(to_regnamespace('app'), 'pg_namespace') AS mark,
  EXISTS (
    SELECT FROM pg_namespace
    WHERE nspname NOT IN ('public', 'information_schema') AND nspname !~ '^pg_'
  ) OR EXISTS (
    SELECT FROM pg_class WHERE relnamespace = to_regnamespace('public')
  ) AS occupied;
