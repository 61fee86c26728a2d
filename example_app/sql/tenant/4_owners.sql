-- As 8_owners.sql: the role that migrates hands over what it made.
ALTER TABLE tb_user OWNER TO app_owner;
ALTER TABLE tb_post OWNER TO app_owner;
ALTER TABLE tb_comment OWNER TO app_owner;
ALTER VIEW v_user OWNER TO app_owner;
ALTER VIEW v_post OWNER TO app_owner;
ALTER VIEW v_comment OWNER TO app_owner;
