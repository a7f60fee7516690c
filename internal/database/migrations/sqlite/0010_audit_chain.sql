-- +goose Up

-- The records of a town become a chain of hashes; audit_heads holds its end. What
-- is older than the chain gets the numbers 0, -1, -2 … backwards and no hash.
ALTER TABLE audit_records ADD COLUMN sequence integer NOT NULL DEFAULT 0 CHECK (typeof(sequence) IN ('integer'));
ALTER TABLE audit_records ADD COLUMN credential text NOT NULL DEFAULT '';
ALTER TABLE audit_records ADD COLUMN hash text NOT NULL DEFAULT '';
DROP TRIGGER audit_records_immutable_update;
UPDATE audit_records SET sequence = old.place
    FROM (SELECT town_id, id, 1 - row_number() OVER (PARTITION BY town_id ORDER BY id DESC) AS place FROM audit_records) AS old
    WHERE audit_records.town_id = old.town_id AND audit_records.id = old.id;
-- +goose StatementBegin
CREATE TRIGGER audit_records_immutable_update BEFORE UPDATE ON audit_records BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
-- +goose StatementEnd
CREATE UNIQUE INDEX audit_records_sequence ON audit_records (town_id, sequence);

CREATE TABLE audit_heads (
    town_id text NOT NULL PRIMARY KEY,
    sequence integer NOT NULL CHECK (typeof(sequence) IN ('integer')),
    hash text NOT NULL
);
-- +goose StatementBegin
CREATE TRIGGER audit_heads_grow BEFORE UPDATE ON audit_heads WHEN NEW.sequence <= OLD.sequence OR NEW.town_id <> OLD.town_id BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_heads_stay BEFORE DELETE ON audit_heads BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE audit_heads;
DROP INDEX audit_records_sequence;
ALTER TABLE audit_records DROP COLUMN hash;
ALTER TABLE audit_records DROP COLUMN credential;
ALTER TABLE audit_records DROP COLUMN sequence;
