-- What is stated of the keys that sign what is published. The private ones are elsewhere.

-- A statement is a signed note: a key begins, or it ends and another follows it.
CREATE TABLE signing_statements (
    digest text COLLATE "C" NOT NULL CHECK (length(digest) = 64),
    note text COLLATE "C" NOT NULL CHECK (length(note) > 0),
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (digest)
);
CREATE TRIGGER signing_statements_immutable BEFORE UPDATE OR DELETE ON signing_statements FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER signing_statements_kept BEFORE TRUNCATE ON signing_statements FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
