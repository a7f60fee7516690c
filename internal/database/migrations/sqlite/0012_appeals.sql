-- +goose Up

-- A publication opens a window in which it can be appealed against; where a
-- period gives none, it has no last day.
ALTER TABLE publications ADD COLUMN notice_until text CHECK (length(notice_until) = 10);
-- The appeal that it answers; the appeal refers back by its key.
ALTER TABLE publications ADD COLUMN appeal_id text;

CREATE TABLE appeals (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    period_code text NOT NULL,
    publication_number INTEGER NOT NULL CHECK (typeof(publication_number) IN ('integer')),
    branch_code text NOT NULL,
    points text NOT NULL,
    statement text NOT NULL CHECK (length(statement) > 0),
    evidence text NOT NULL,
    state text NOT NULL CHECK (state IN ('filed', 'upheld', 'rejected', 'withdrawn')),
    filed_by text NOT NULL,
    filed_at DATETIME NOT NULL,
    due_on text NOT NULL CHECK (length(due_on) = 10),
    decided_by text NOT NULL,
    decided_at DATETIME,
    answer text NOT NULL,
    amended_to INTEGER CHECK (typeof(amended_to) IN ('integer', 'null')),
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, period_code, publication_number) REFERENCES publications (town_id, period_code, number) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, period_code, amended_to) REFERENCES publications (town_id, period_code, number) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    CHECK ((state = 'filed') = (decided_at IS NULL)),
    CHECK ((state = 'upheld') = (amended_to IS NOT NULL)),
    CHECK (state NOT IN ('upheld', 'rejected') OR length(answer) > 0)
);
CREATE UNIQUE INDEX appeals_one_open ON appeals (town_id, period_code, publication_number, branch_code) WHERE state = 'filed';
CREATE INDEX appeals_period ON appeals (town_id, period_code, branch_code);

-- What changes approved values of a published period: a value, or an adjustment
-- added or cancelled. Never changed itself; the last one of a code counts.
CREATE TABLE corrections (
    town_id text NOT NULL,
    period_code text NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0) CHECK (typeof(number) IN ('integer')),
    publication_number INTEGER NOT NULL CHECK (typeof(publication_number) IN ('integer')),
    branch_code text NOT NULL,
    code text NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
    adjustment text NOT NULL CHECK (adjustment IN ('', 'add', 'cancel')),
    value REAL CHECK (typeof(value) IN ('real', 'null')),
    level text,
    not_applicable boolean NOT NULL CHECK (typeof(not_applicable) IN ('integer')),
    replaces text NOT NULL,
    reason text NOT NULL CHECK (length(reason) > 0),
    evidence text NOT NULL,
    appeal_id text,
    made_by text NOT NULL,
    created_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, period_code, number),
    FOREIGN KEY (town_id, period_code, publication_number) REFERENCES publications (town_id, period_code, number) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, appeal_id) REFERENCES appeals (town_id, id) ON DELETE RESTRICT,
    CHECK (value IS NULL OR (level IS NULL AND NOT not_applicable)),
    CHECK (level IS NULL OR NOT not_applicable),
    CHECK ((adjustment = '') = (value IS NOT NULL OR level IS NOT NULL OR not_applicable)),
    CHECK (value IS NULL OR (value > -1e15 AND value < 1e15))
);
-- +goose StatementBegin
CREATE TRIGGER corrections_immutable_update BEFORE UPDATE ON corrections BEGIN
    SELECT RAISE(ABORT, 'rows of corrections are immutable');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER corrections_immutable_delete BEFORE DELETE ON corrections BEGIN
    SELECT RAISE(ABORT, 'rows of corrections are immutable');
END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE corrections;
DROP TABLE appeals;
ALTER TABLE publications DROP COLUMN appeal_id;
ALTER TABLE publications DROP COLUMN notice_until;
