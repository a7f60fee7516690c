-- What is stated of the keys that sign what is published. The private ones are elsewhere.

-- A statement is a signed note: a key begins, or it ends and another follows it.
CREATE TABLE signing_statements (
    digest text NOT NULL CHECK (length(digest) = 64),
    note text NOT NULL CHECK (length(note) > 0),
    recorded_at DATETIME NOT NULL,
    PRIMARY KEY (digest)
);
CREATE TRIGGER signing_statements_immutable_update BEFORE UPDATE ON signing_statements BEGIN
    SELECT RAISE(ABORT, 'rows of signing_statements are immutable');
END;
CREATE TRIGGER signing_statements_immutable_delete BEFORE DELETE ON signing_statements BEGIN
    SELECT RAISE(ABORT, 'rows of signing_statements are immutable');
END;
