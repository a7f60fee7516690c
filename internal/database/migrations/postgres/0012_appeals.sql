-- +goose Up

-- A publication opens a window in which it can be appealed against; where a
-- period gives none, it has no last day.
ALTER TABLE publications ADD COLUMN notice_until text COLLATE "C" CHECK (length(notice_until) = 10);
-- The appeal that it answers; the appeal refers back by its key.
ALTER TABLE publications ADD COLUMN appeal_id text COLLATE "C";

CREATE TABLE appeals (
    town_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL CHECK (length(id) = 36),
    period_code text COLLATE "C" NOT NULL,
    publication_number bigint NOT NULL,
    branch_code text COLLATE "C" NOT NULL,
    points text COLLATE "C" NOT NULL,
    statement text COLLATE "C" NOT NULL CHECK (length(statement) > 0),
    evidence text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (state IN ('filed', 'upheld', 'rejected', 'withdrawn')),
    filed_by text COLLATE "C" NOT NULL,
    filed_at timestamptz NOT NULL,
    due_on text COLLATE "C" NOT NULL CHECK (length(due_on) = 10),
    decided_by text COLLATE "C" NOT NULL,
    decided_at timestamptz,
    answer text COLLATE "C" NOT NULL,
    amended_to bigint,
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
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
    town_id text COLLATE "C" NOT NULL,
    period_code text COLLATE "C" NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    publication_number bigint NOT NULL,
    branch_code text COLLATE "C" NOT NULL,
    code text COLLATE "C" NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
    adjustment text COLLATE "C" NOT NULL CHECK (adjustment IN ('', 'add', 'cancel')),
    value double precision,
    level text COLLATE "C",
    not_applicable boolean NOT NULL,
    replaces text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL CHECK (length(reason) > 0),
    evidence text COLLATE "C" NOT NULL,
    appeal_id text COLLATE "C",
    made_by text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (town_id, period_code, number),
    FOREIGN KEY (town_id, period_code, publication_number) REFERENCES publications (town_id, period_code, number) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, appeal_id) REFERENCES appeals (town_id, id) ON DELETE RESTRICT,
    CHECK (value IS NULL OR (level IS NULL AND NOT not_applicable)),
    CHECK (level IS NULL OR NOT not_applicable),
    CHECK ((adjustment = '') = (value IS NOT NULL OR level IS NOT NULL OR not_applicable)),
    CHECK (value IS NULL OR (value > -1e15 AND value < 1e15))
);
CREATE TRIGGER corrections_immutable BEFORE UPDATE OR DELETE ON corrections FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- +goose Down
DROP TABLE corrections;
DROP TABLE appeals;
ALTER TABLE publications DROP COLUMN appeal_id;
ALTER TABLE publications DROP COLUMN notice_until;
