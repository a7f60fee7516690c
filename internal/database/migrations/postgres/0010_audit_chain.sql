-- +goose Up

-- The records of a town become a chain of hashes; audit_heads holds its end. What
-- is older than the chain gets the numbers 0, -1, -2 … backwards and no hash.
ALTER TABLE audit_records ADD COLUMN sequence bigint NOT NULL DEFAULT 0;
ALTER TABLE audit_records ADD COLUMN credential text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE audit_records ADD COLUMN hash text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE audit_records DISABLE TRIGGER audit_records_immutable;
UPDATE audit_records SET sequence = old.place
    FROM (SELECT town_id, id, 1 - row_number() OVER (PARTITION BY town_id ORDER BY id DESC) AS place FROM audit_records) AS old
    WHERE audit_records.town_id = old.town_id AND audit_records.id = old.id;
ALTER TABLE audit_records ENABLE TRIGGER audit_records_immutable;
CREATE UNIQUE INDEX audit_records_sequence ON audit_records (town_id, sequence);

CREATE TABLE audit_heads (
    town_id text COLLATE "C" NOT NULL PRIMARY KEY,
    sequence bigint NOT NULL,
    hash text COLLATE "C" NOT NULL
);
CREATE TRIGGER audit_heads_grow BEFORE UPDATE ON audit_heads FOR EACH ROW
    WHEN (NEW.sequence <= OLD.sequence OR NEW.town_id <> OLD.town_id) EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_heads_stay BEFORE DELETE ON audit_heads FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();

-- +goose Down
DROP TABLE audit_heads;
DROP INDEX audit_records_sequence;
ALTER TABLE audit_records DROP COLUMN hash;
ALTER TABLE audit_records DROP COLUMN credential;
ALTER TABLE audit_records DROP COLUMN sequence;
