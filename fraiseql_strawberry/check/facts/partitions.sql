-- Partitions and inheritance children with their parents.
SELECT i.inhrelid AS child, i.inhparent AS parent FROM pg_inherits AS i
