-- Who changed what. These tables may only grow.

CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = '23001';
END
$$;

-- One row for every change, written in the transaction of the change. An empty
-- town_id is the installation itself. Sequence numbers the records of a town, and
-- hash chains each to the one before it. Salt is hashed before the values, and is never shown.
CREATE TABLE audit_records (
    town_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL CHECK (length(id) = 36),
    at timestamptz NOT NULL,
    actor text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    action text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    before text COLLATE "C" NOT NULL,
    after text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL DEFAULT 0,
    credential text COLLATE "C" NOT NULL DEFAULT '',
    hash text COLLATE "C" NOT NULL DEFAULT '',
    rows text COLLATE "C" NOT NULL DEFAULT '',
    salt text COLLATE "C" NOT NULL DEFAULT '',
    PRIMARY KEY (town_id, id)
);
CREATE INDEX audit_records_subject ON audit_records (town_id, subject);
CREATE UNIQUE INDEX audit_records_sequence ON audit_records (town_id, sequence);
CREATE TRIGGER audit_records_immutable BEFORE UPDATE OR DELETE ON audit_records FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_records_kept BEFORE TRUNCATE ON audit_records FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

-- The end of the chain of each town.
CREATE TABLE audit_heads (
    town_id text COLLATE "C" NOT NULL PRIMARY KEY,
    sequence bigint NOT NULL,
    hash text COLLATE "C" NOT NULL
);
CREATE TRIGGER audit_heads_grow BEFORE UPDATE ON audit_heads FOR EACH ROW
    WHEN (NEW.sequence <= OLD.sequence OR NEW.town_id <> OLD.town_id) EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_heads_stay BEFORE DELETE ON audit_heads FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_heads_kept BEFORE TRUNCATE ON audit_heads FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

-- What each change has made of the rows of the other tables, carried by its record. Of
-- before only the SHA-256 is stored.
CREATE TABLE audit_rows (
    town_id text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    table_name text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    before text COLLATE "C" NOT NULL,
    rows text COLLATE "C" NOT NULL,
    PRIMARY KEY (town_id, sequence, table_name, key)
);
CREATE INDEX audit_rows_key ON audit_rows (table_name, key);
CREATE TRIGGER audit_rows_immutable BEFORE UPDATE OR DELETE ON audit_rows FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_rows_kept BEFORE TRUNCATE ON audit_rows FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
