-- The steps of every record that has states.

-- Every step of every record that has states, by the version that it made.
CREATE TABLE transitions (
    town_id text NOT NULL,
    kind text NOT NULL CHECK (length(kind) > 0),
    record_id text NOT NULL CHECK (length(record_id) > 0),
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    verb text NOT NULL CHECK (length(verb) > 0),
    at DATETIME NOT NULL,
    actor text NOT NULL,
    role text NOT NULL,
    reason text NOT NULL,
    extra text NOT NULL CHECK (json_valid(extra)),
    PRIMARY KEY (town_id, kind, record_id, version),
    FOREIGN KEY (town_id) REFERENCES towns (code) ON DELETE RESTRICT
);
CREATE TRIGGER transitions_immutable_update BEFORE UPDATE ON transitions BEGIN
    SELECT RAISE(ABORT, 'rows of transitions are immutable');
END;
CREATE TRIGGER transitions_immutable_delete BEFORE DELETE ON transitions BEGIN
    SELECT RAISE(ABORT, 'rows of transitions are immutable');
END;
