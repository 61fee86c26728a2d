"""From a plan to one SQL statement: pure functions, no database, no GraphQL."""
