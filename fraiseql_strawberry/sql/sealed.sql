{create} {helper} RETURNS {id_type}
  LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  -- 1: what is sealed, 2: the tenant, 3: the expiry in seconds since 1970, 4: the MAC
  seal constant text[] := regexp_match(
    current_setting('{setting}', true), '^(([^|]+)\|([0-9]{{1,12}}))\|([0-9a-f]{{64}})$');
BEGIN
  -- now() is when the transaction began: a seal does not expire in the midst of one.
  IF seal IS NULL OR seal[3]::bigint < extract(epoch FROM now()) THEN
    RETURN NULL;
  END IF;
  -- HMAC-SHA256. Both sides are hashed with the key once more, so that the time that the
  -- comparison takes tells nothing of the MAC.
  IF EXISTS (
    SELECT FROM {keys} AS k
    WHERE (k.retires_at IS NULL OR k.retires_at > now())
      AND sha256(k.outer_pad || decode(seal[4], 'hex')) = sha256(
        k.outer_pad || sha256(k.outer_pad || sha256(k.inner_pad || convert_to(seal[1], 'UTF8'))))
  ) THEN
    RETURN seal[2]::{id_type};
  END IF;
  RETURN NULL;
END
$$;
