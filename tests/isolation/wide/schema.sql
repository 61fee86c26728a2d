-- Every scalar, every kind of relation, row-level security throughout. $APP is the application role.
CREATE TYPE public.status AS ENUM ('draft', 'in_review', 'published');
CREATE DOMAIN public.short_text AS varchar(40);

CREATE FUNCTION public.current_tenant_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN NULLIF(current_setting('app.tenant_id', true), '')::uuid;

CREATE TABLE public.tb_person (
    tenant_id uuid NOT NULL DEFAULT current_tenant_id(), id uuid NOT NULL, name text, boss_id uuid,
    PRIMARY KEY (tenant_id, id));
CREATE TABLE public.tb_thing (
    tenant_id uuid NOT NULL DEFAULT current_tenant_id(), id uuid NOT NULL, number int NOT NULL,
    owner_id uuid, shelf_region text, shelf_number int8,
    a_text text, a_short short_text, a_small int2, an_int int4, a_long int8, a_big int8, a_huge numeric,
    a_single float4, a_double float8, a_decimal numeric, an_amount numeric(12, 2), a_flag bool, a_uuid uuid,
    a_date date, a_time time, a_zoned_time timetz, a_stamp timestamp, a_zoned_stamp timestamptz,
    an_interval interval, bytes_64 bytea, bytes_16 bytea, a_json json, a_jsonb jsonb,
    a_status status, a_color text, a_level int4, a_slug text,
    texts text[], ints int4[], longs int8[], doubles float8[], decimals numeric[], flags bool[], uuids uuid[],
    stamps timestamptz[], dates date[], statuses status[], colors text[], labels jsonb, matrix int4[],
    PRIMARY KEY (tenant_id, id));
CREATE TABLE public.tb_shelf (
    tenant_id uuid NOT NULL DEFAULT current_tenant_id(), region text NOT NULL, number int8 NOT NULL, title text,
    PRIMARY KEY (tenant_id, region, number));
CREATE TABLE public.tb_tag (
    tenant_id uuid NOT NULL DEFAULT current_tenant_id(), id int8 NOT NULL, label text,
    PRIMARY KEY (tenant_id, id));
CREATE TABLE public.tb_thing_tag (
    tenant_id uuid NOT NULL DEFAULT current_tenant_id(), thing_id uuid NOT NULL, tag_id int8 NOT NULL,
    PRIMARY KEY (tenant_id, thing_id, tag_id));
CREATE TABLE public.tb_note (
    tenant_id uuid NOT NULL DEFAULT current_tenant_id(), id uuid NOT NULL, data jsonb NOT NULL,
    PRIMARY KEY (tenant_id, id));

CREATE TABLE public.tb_letter (
    tenant_id uuid NOT NULL DEFAULT current_tenant_id(), id uuid NOT NULL, data jsonb NOT NULL,
    home jsonb, others json, stops jsonb[],
    PRIMARY KEY (tenant_id, id));

CREATE VIEW public.v_person WITH (security_invoker = true) AS SELECT id, name, boss_id FROM tb_person;
CREATE VIEW public.v_thing WITH (security_invoker = true) AS SELECT * FROM tb_thing;
CREATE VIEW public.v_shelf WITH (security_invoker = true) AS SELECT region, number, title FROM tb_shelf;
CREATE VIEW public.v_tag WITH (security_invoker = true) AS SELECT id, label FROM tb_tag;
CREATE VIEW public.v_note WITH (security_invoker = true) AS SELECT id, data FROM tb_note;
CREATE VIEW public.v_letter WITH (security_invoker = true) AS SELECT id, data, home, others, stops FROM tb_letter;

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['tb_person', 'tb_thing', 'tb_shelf', 'tb_tag', 'tb_thing_tag', 'tb_note',
                                 'tb_letter'] LOOP
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant ON public.%I USING (tenant_id = (SELECT current_tenant_id()))', name);
    END LOOP;
END $$;
