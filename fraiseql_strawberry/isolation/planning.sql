-- Whether any policy reads a setting in the bare form, which fails where it is not set yet:
-- `current_setting('app.tenant_id')::uuid` instead of `NULLIF(current_setting(…, true), '')::uuid`.
SELECT EXISTS (
  SELECT FROM pg_policies
  WHERE concat(qual, with_check) LIKE '%current_setting(%'
    AND concat(qual, with_check) NOT ILIKE '%nullif(%'
);
