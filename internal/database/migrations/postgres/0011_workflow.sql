-- +goose Up

-- The calendar of a period: when sheets are entered and decided on (days of
-- Asia/Shanghai, both included; none = no limit), how long the result is on
-- public notice and how soon an appeal is answered, both in days.
ALTER TABLE periods ADD COLUMN entry_from text COLLATE "C" CHECK (length(entry_from) = 10);
ALTER TABLE periods ADD COLUMN entry_until text COLLATE "C" CHECK (length(entry_until) = 10);
ALTER TABLE periods ADD COLUMN review_until text COLLATE "C" CHECK (length(review_until) = 10);
ALTER TABLE periods ADD COLUMN notice_days bigint NOT NULL DEFAULT 5 CHECK (notice_days BETWEEN 0 AND 90);
ALTER TABLE periods ADD COLUMN answer_days bigint NOT NULL DEFAULT 5 CHECK (answer_days BETWEEN 0 AND 90);
ALTER TABLE periods ADD COLUMN window_by text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE periods ADD COLUMN window_at timestamptz;
ALTER TABLE periods ADD COLUMN window_reason text COLLATE "C" NOT NULL DEFAULT '';

-- A returned sheet may carry the day until which it is to be corrected; one that
-- was written after the window names the exception that allowed it.
ALTER TABLE evaluations ADD COLUMN due_on text COLLATE "C" CHECK (length(due_on) = 10);
ALTER TABLE evaluations ADD COLUMN exception_id text COLLATE "C" CHECK (length(exception_id) = 36);

-- Leave to enter sheets after the window: for a branch, an evaluator, or one
-- evaluator's sheet about one branch.
CREATE TABLE entry_exceptions (
    town_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL CHECK (length(id) = 36),
    period_code text COLLATE "C" NOT NULL,
    branch_code text COLLATE "C",
    evaluator_code text COLLATE "C",
    until text COLLATE "C" NOT NULL CHECK (length(until) = 10),
    reason text COLLATE "C" NOT NULL CHECK (length(reason) > 0),
    granted_by text COLLATE "C" NOT NULL,
    granted_at timestamptz NOT NULL,
    ended_by text COLLATE "C" NOT NULL,
    ended_at timestamptz,
    end_reason text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, period_code) REFERENCES periods (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, evaluator_code) REFERENCES people (town_id, code) ON DELETE RESTRICT,
    CHECK (branch_code IS NOT NULL OR evaluator_code IS NOT NULL)
);
CREATE INDEX entry_exceptions_period ON entry_exceptions (town_id, period_code, id);

-- Every step that a sheet and an adjustment took, by the version that it made.
CREATE TABLE sheet_moves (
    town_id text COLLATE "C" NOT NULL,
    evaluation_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    verb text COLLATE "C" NOT NULL CHECK (length(verb) > 0),
    at timestamptz NOT NULL,
    actor text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    due_on text COLLATE "C" CHECK (length(due_on) = 10),
    exception_id text COLLATE "C" CHECK (length(exception_id) = 36),
    PRIMARY KEY (town_id, evaluation_id, version),
    FOREIGN KEY (town_id, evaluation_id) REFERENCES evaluations (town_id, id) ON DELETE RESTRICT
);
CREATE TABLE adjustment_moves (
    town_id text COLLATE "C" NOT NULL,
    adjustment_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    verb text COLLATE "C" NOT NULL CHECK (length(verb) > 0),
    at timestamptz NOT NULL,
    actor text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    PRIMARY KEY (town_id, adjustment_id, version),
    FOREIGN KEY (town_id, adjustment_id) REFERENCES adjustments (town_id, id) ON DELETE RESTRICT
);
CREATE TRIGGER sheet_moves_immutable BEFORE UPDATE OR DELETE ON sheet_moves FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER adjustment_moves_immutable BEFORE UPDATE OR DELETE ON adjustment_moves FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- +goose Down
DROP TABLE adjustment_moves;
DROP TABLE sheet_moves;
DROP TABLE entry_exceptions;
ALTER TABLE evaluations DROP COLUMN exception_id;
ALTER TABLE evaluations DROP COLUMN due_on;
ALTER TABLE periods DROP COLUMN window_reason;
ALTER TABLE periods DROP COLUMN window_at;
ALTER TABLE periods DROP COLUMN window_by;
ALTER TABLE periods DROP COLUMN answer_days;
ALTER TABLE periods DROP COLUMN notice_days;
ALTER TABLE periods DROP COLUMN review_until;
ALTER TABLE periods DROP COLUMN entry_until;
ALTER TABLE periods DROP COLUMN entry_from;
