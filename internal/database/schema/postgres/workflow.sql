-- The steps of every record that has states.

-- Every step of every record that has states, by the version that it made.
CREATE TABLE transitions (
    town_id text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL CHECK (length(kind) > 0),
    record_id text COLLATE "C" NOT NULL CHECK (length(record_id) > 0),
    version bigint NOT NULL CHECK (version > 0),
    verb text COLLATE "C" NOT NULL CHECK (length(verb) > 0),
    at timestamptz NOT NULL,
    actor text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    extra text COLLATE "C" NOT NULL,
    PRIMARY KEY (town_id, kind, record_id, version),
    FOREIGN KEY (town_id) REFERENCES towns (code) ON DELETE RESTRICT
);
CREATE TRIGGER transitions_immutable BEFORE UPDATE OR DELETE ON transitions FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER transitions_kept BEFORE TRUNCATE ON transitions FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
