-- Who changed what. These tables may only grow.

-- One row for every change, written in the transaction of the change. An empty
-- town_id is the installation itself. Sequence numbers the records of a town, and
-- hash chains each to the one before it. Salt is hashed before the values, and is never shown.
CREATE TABLE audit_records (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    at DATETIME NOT NULL,
    actor text NOT NULL,
    role text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    before text NOT NULL,
    after text NOT NULL,
    reason text NOT NULL,
    request_id text NOT NULL,
    sequence INTEGER NOT NULL DEFAULT 0 CHECK (typeof(sequence) IN ('integer')),
    credential text NOT NULL DEFAULT '',
    hash text NOT NULL DEFAULT '',
    rows text NOT NULL DEFAULT '',
    salt text NOT NULL DEFAULT '',
    PRIMARY KEY (town_id, id)
);
CREATE INDEX audit_records_subject ON audit_records (town_id, subject);
CREATE UNIQUE INDEX audit_records_sequence ON audit_records (town_id, sequence);
CREATE TRIGGER audit_records_immutable_delete BEFORE DELETE ON audit_records BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
CREATE TRIGGER audit_records_immutable_update BEFORE UPDATE ON audit_records BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;

-- The end of the chain of each town.
CREATE TABLE audit_heads (
    town_id text NOT NULL PRIMARY KEY,
    sequence INTEGER NOT NULL CHECK (typeof(sequence) IN ('integer')),
    hash text NOT NULL
);
CREATE TRIGGER audit_heads_grow BEFORE UPDATE ON audit_heads WHEN NEW.sequence <= OLD.sequence OR NEW.town_id <> OLD.town_id BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
CREATE TRIGGER audit_heads_stay BEFORE DELETE ON audit_heads BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;

-- What each change has made of the rows of the other tables, carried by its record. Of
-- before only the SHA-256 is stored.
CREATE TABLE audit_rows (
    town_id text NOT NULL,
    sequence INTEGER NOT NULL CHECK (typeof(sequence) IN ('integer')),
    table_name text NOT NULL,
    key text NOT NULL,
    before text NOT NULL,
    rows text NOT NULL,
    PRIMARY KEY (town_id, sequence, table_name, key)
);
CREATE INDEX audit_rows_key ON audit_rows (table_name, key);
CREATE TRIGGER audit_rows_immutable_delete BEFORE DELETE ON audit_rows BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
CREATE TRIGGER audit_rows_immutable_update BEFORE UPDATE ON audit_rows BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
