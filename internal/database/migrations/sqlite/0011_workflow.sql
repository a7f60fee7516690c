-- +goose Up

-- The calendar of a period: when sheets are entered and decided on (days of
-- Asia/Shanghai, both included; none = no limit), how long the result is on
-- public notice and how soon an appeal is answered, both in days.
ALTER TABLE periods ADD COLUMN entry_from text CHECK (length(entry_from) = 10);
ALTER TABLE periods ADD COLUMN entry_until text CHECK (length(entry_until) = 10);
ALTER TABLE periods ADD COLUMN review_until text CHECK (length(review_until) = 10);
ALTER TABLE periods ADD COLUMN notice_days INTEGER NOT NULL DEFAULT 5 CHECK (notice_days BETWEEN 0 AND 90) CHECK (typeof(notice_days) IN ('integer'));
ALTER TABLE periods ADD COLUMN answer_days INTEGER NOT NULL DEFAULT 5 CHECK (answer_days BETWEEN 0 AND 90) CHECK (typeof(answer_days) IN ('integer'));
ALTER TABLE periods ADD COLUMN window_by text NOT NULL DEFAULT '';
ALTER TABLE periods ADD COLUMN window_at DATETIME;
ALTER TABLE periods ADD COLUMN window_reason text NOT NULL DEFAULT '';

-- A returned sheet may carry the day until which it is to be corrected; one that
-- was written after the window names the exception that allowed it.
ALTER TABLE evaluations ADD COLUMN due_on text CHECK (length(due_on) = 10);
ALTER TABLE evaluations ADD COLUMN exception_id text CHECK (length(exception_id) = 36);

-- Leave to enter sheets after the window: for a branch, an evaluator, or one
-- evaluator's sheet about one branch.
CREATE TABLE entry_exceptions (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    period_code text NOT NULL,
    branch_code text,
    evaluator_code text,
    until text NOT NULL CHECK (length(until) = 10),
    reason text NOT NULL CHECK (length(reason) > 0),
    granted_by text NOT NULL,
    granted_at DATETIME NOT NULL,
    ended_by text NOT NULL,
    ended_at DATETIME,
    end_reason text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, period_code) REFERENCES periods (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, evaluator_code) REFERENCES people (town_id, code) ON DELETE RESTRICT,
    CHECK (branch_code IS NOT NULL OR evaluator_code IS NOT NULL)
);
CREATE INDEX entry_exceptions_period ON entry_exceptions (town_id, period_code, id);

-- Every step that a sheet and an adjustment took, by the version that it made.
CREATE TABLE sheet_moves (
    town_id text NOT NULL,
    evaluation_id text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    verb text NOT NULL CHECK (length(verb) > 0),
    at DATETIME NOT NULL,
    actor text NOT NULL,
    role text NOT NULL,
    reason text NOT NULL,
    due_on text CHECK (length(due_on) = 10),
    exception_id text CHECK (length(exception_id) = 36),
    PRIMARY KEY (town_id, evaluation_id, version),
    FOREIGN KEY (town_id, evaluation_id) REFERENCES evaluations (town_id, id) ON DELETE RESTRICT
);
CREATE TABLE adjustment_moves (
    town_id text NOT NULL,
    adjustment_id text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    verb text NOT NULL CHECK (length(verb) > 0),
    at DATETIME NOT NULL,
    actor text NOT NULL,
    role text NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (town_id, adjustment_id, version),
    FOREIGN KEY (town_id, adjustment_id) REFERENCES adjustments (town_id, id) ON DELETE RESTRICT
);
-- +goose StatementBegin
CREATE TRIGGER sheet_moves_immutable_update BEFORE UPDATE ON sheet_moves BEGIN
    SELECT RAISE(ABORT, 'rows of sheet_moves are immutable');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER sheet_moves_immutable_delete BEFORE DELETE ON sheet_moves BEGIN
    SELECT RAISE(ABORT, 'rows of sheet_moves are immutable');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER adjustment_moves_immutable_update BEFORE UPDATE ON adjustment_moves BEGIN
    SELECT RAISE(ABORT, 'rows of adjustment_moves are immutable');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER adjustment_moves_immutable_delete BEFORE DELETE ON adjustment_moves BEGIN
    SELECT RAISE(ABORT, 'rows of adjustment_moves are immutable');
END;
-- +goose StatementEnd

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
