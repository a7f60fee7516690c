-- +goose Up

-- What somebody saw and talked about at a branch on a day. The row holds what
-- counts now; what was recorded, and each correction of it, stays in visit_versions.
CREATE TABLE visits (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    branch_code text NOT NULL,
    visited_by text NOT NULL,
    role text NOT NULL CHECK (role IN ('instructor', 'liaison_office')),
    state text NOT NULL CHECK (state IN ('draft', 'recorded')),
    recorded_at DATETIME,
    visited_on text NOT NULL CHECK (length(visited_on) = 10),
    place text NOT NULL,
    checks text NOT NULL,
    evidence text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, visited_by) REFERENCES people (town_id, code) ON DELETE RESTRICT,
    CHECK ((state = 'recorded') = (recorded_at IS NOT NULL))
);
CREATE INDEX visits_branch ON visits (town_id, branch_code, visited_on);

-- What a visit found. Plan items and measures are named, not copied.
CREATE TABLE visit_findings (
    town_id text NOT NULL,
    visit_id text NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0) CHECK (typeof(number) IN ('integer')),
    statement text NOT NULL CHECK (length(statement) > 0),
    severity text NOT NULL CHECK (severity IN ('minor', 'major', 'critical')),
    indicator text NOT NULL,
    measure INTEGER CHECK (measure BETWEEN 1 AND 7) CHECK (typeof(measure) IN ('integer', 'null')),
    plan_item_id text CHECK (length(plan_item_id) = 36),
    PRIMARY KEY (town_id, visit_id, number),
    FOREIGN KEY (town_id, visit_id) REFERENCES visits (town_id, id) ON DELETE RESTRICT
);

CREATE TABLE visit_versions (
    town_id text NOT NULL,
    visit_id text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    verb text NOT NULL CHECK (verb IN ('record', 'correct')),
    at DATETIME NOT NULL,
    actor text NOT NULL,
    role text NOT NULL,
    reason text NOT NULL,
    document text NOT NULL,
    PRIMARY KEY (town_id, visit_id, version),
    FOREIGN KEY (town_id, visit_id) REFERENCES visits (town_id, id) ON DELETE RESTRICT,
    CHECK (verb <> 'correct' OR length(reason) > 0)
);
-- +goose StatementBegin
CREATE TRIGGER visit_versions_immutable_update BEFORE UPDATE ON visit_versions BEGIN
    SELECT RAISE(ABORT, 'rows of visit_versions are immutable');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER visit_versions_immutable_delete BEFORE DELETE ON visit_versions BEGIN
    SELECT RAISE(ABORT, 'rows of visit_versions are immutable');
END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE visit_versions;
DROP TABLE visit_findings;
DROP TABLE visits;
