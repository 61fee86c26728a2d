-- What may be written, of the tables, views and functions named in $1 (quoted names), as this
-- connection's role and search path see them: one row for each fact, the fact as JSON text.
WITH named AS (
    SELECT n.name, to_regclass(n.name)::oid AS relation, to_regproc(n.name)::oid AS function
    FROM unnest($1::text[]) AS n(name)
), tables AS (  -- and those that a view among them is made from: their constraints are what fails
    SELECT relation AS oid FROM named WHERE relation IS NOT NULL
    UNION
    SELECT d.refobjid
    FROM named
    JOIN pg_rewrite AS r ON r.ev_class = named.relation
    JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
        AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> named.relation
), types AS (  -- domains followed to their base, arrays to their element, as `catalog.sql` does
    SELECT t.oid, base.typname AS name, element.oid IS NOT NULL AS is_array,
           COALESCE(element.typname, base.typname) AS item,
           CASE WHEN n.nspname IS DISTINCT FROM current_schema() THEN n.nspname END AS schema,
           (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder)
            FROM pg_enum AS e WHERE e.enumtypid = COALESCE(element.oid, base.oid)) AS labels
    FROM pg_type AS t
    JOIN pg_type AS base ON base.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
    LEFT JOIN pg_type AS element ON element.oid = base.typelem AND base.typcategory = 'A'
    JOIN pg_namespace AS n ON n.oid = COALESCE(element.typnamespace, base.typnamespace)
)
SELECT 'table' AS kind, named.name, json_build_object(
    'columns', (SELECT json_object_agg(a.attname, json_build_object(
            'default', a.atthasdef OR a.attidentity <> '',
            'generated', a.attgenerated <> '' OR a.attidentity = 'a',
            'not_null', a.attnotnull,
            'insert', has_column_privilege(c.oid, a.attnum, 'INSERT'),
            'update', has_column_privilege(c.oid, a.attnum, 'UPDATE')))
        FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    'view', c.relkind = 'v',
    'insert', pg_relation_is_updatable(c.oid, true) & 8 <> 0,
    'update', pg_relation_is_updatable(c.oid, true) & 4 <> 0,
    'delete', pg_relation_is_updatable(c.oid, true) & 16 <> 0,
    'may_delete', has_table_privilege(c.oid, 'DELETE'),
    'unique', (SELECT json_agg((SELECT json_agg(a.attname ORDER BY a.attnum)
            FROM pg_attribute AS a
            WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])))
        FROM pg_index AS i
        WHERE i.indrelid = c.oid AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL)
    )::text AS fact
FROM named JOIN pg_class AS c ON c.oid = named.relation
UNION ALL
SELECT 'constraint', k.conname, json_build_object(
    'table', c.relname, 'columns', (SELECT json_agg(a.attname ORDER BY a.attnum)
        FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum = ANY (k.conkey)))::text
FROM tables JOIN pg_class AS c ON c.oid = tables.oid
JOIN pg_constraint AS k ON k.conrelid = c.oid
UNION ALL
SELECT 'constraint', index.relname, json_build_object(
    'table', c.relname, 'columns', (SELECT json_agg(a.attname ORDER BY a.attnum)
        FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey)))::text
FROM tables JOIN pg_class AS c ON c.oid = tables.oid
JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisunique
JOIN pg_class AS index ON index.oid = i.indexrelid
UNION ALL
SELECT 'function', named.name, json_build_object(
    'schema', CASE WHEN home.nspname IS DISTINCT FROM current_schema() THEN home.nspname END,
    'execute', has_function_privilege(p.oid, 'EXECUTE'),
    'defaults', p.pronargdefaults,
    'set', p.proretset,
    'void', p.prorettype = 'void'::regtype,
    'modes', p.proargmodes::text[],
    'names', p.proargnames,
    'arguments', (SELECT json_agg(json_build_object(
            'name', t.item, 'schema', t.schema, 'array', t.is_array, 'labels', t.labels)
            ORDER BY given.place)
        FROM unnest(p.proargtypes) WITH ORDINALITY AS given(type, place)
        JOIN types AS t ON t.oid = given.type),
    'columns', (SELECT json_agg(a.attname)
        FROM pg_type AS r JOIN pg_attribute AS a ON a.attrelid = r.typrelid
        WHERE r.oid = p.prorettype AND r.typrelid <> 0 AND a.attnum > 0 AND NOT a.attisdropped)
    )::text
FROM named
JOIN pg_proc AS p ON p.oid = named.function AND p.prokind = 'f'
JOIN pg_namespace AS home ON home.oid = p.pronamespace
