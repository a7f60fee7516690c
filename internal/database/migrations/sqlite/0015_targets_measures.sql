-- +goose Up

-- Branches that are to be improved: proposed by a rule from a publication, or by a
-- person with a reason, and confirmed by a person. until_on is the last day.
CREATE TABLE improvement_targets (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    branch_code text NOT NULL,
    period_code text,
    publication_number INTEGER CHECK (typeof(publication_number) IN ('integer', 'null')),
    reasons text NOT NULL,
    statement text NOT NULL,
    lapsed boolean NOT NULL CHECK (typeof(lapsed) IN ('integer')),
    state text NOT NULL CHECK (state IN ('proposed', 'confirmed', 'dismissed', 'ended')),
    proposed_by text NOT NULL,
    decided_by text NOT NULL,
    decided_at DATETIME,
    decision_reason text NOT NULL,
    from_on text CHECK (length(from_on) = 10),
    until_on text CHECK (length(until_on) = 10),
    outcome text NOT NULL CHECK (outcome IN ('', 'improved', 'unimproved', 'other')),
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, period_code, publication_number) REFERENCES publications (town_id, period_code, number) ON DELETE RESTRICT,
    CHECK ((period_code IS NULL) = (publication_number IS NULL)),
    CHECK (period_code IS NOT NULL OR length(statement) > 0),
    CHECK ((state = 'proposed') = (decided_at IS NULL)),
    CHECK ((state IN ('confirmed', 'ended')) = (from_on IS NOT NULL)),
    CHECK ((state = 'ended') = (until_on IS NOT NULL)),
    CHECK ((state = 'ended') = (outcome <> '')),
    CHECK (state NOT IN ('dismissed', 'ended') OR length(decision_reason) > 0)
);
CREATE UNIQUE INDEX improvement_targets_current ON improvement_targets (town_id, branch_code) WHERE state = 'confirmed';
CREATE UNIQUE INDEX improvement_targets_proposal ON improvement_targets (town_id, period_code, branch_code);

CREATE TABLE target_moves (
    town_id text NOT NULL,
    target_id text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    verb text NOT NULL CHECK (length(verb) > 0),
    at DATETIME NOT NULL,
    actor text NOT NULL,
    role text NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (town_id, target_id, version),
    FOREIGN KEY (town_id, target_id) REFERENCES improvement_targets (town_id, id) ON DELETE RESTRICT
);
-- +goose StatementBegin
CREATE TRIGGER target_moves_immutable_update BEFORE UPDATE ON target_moves BEGIN
    SELECT RAISE(ABORT, 'rows of target_moves are immutable');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER target_moves_immutable_delete BEFORE DELETE ON target_moves BEGIN
    SELECT RAISE(ABORT, 'rows of target_moves are immutable');
END;
-- +goose StatementEnd

-- What a town calls its measures; one without a row is as it was built in.
CREATE TABLE measures (
    town_id text NOT NULL REFERENCES towns (code) ON DELETE RESTRICT,
    number INTEGER NOT NULL CHECK (number BETWEEN 1 AND 7) CHECK (typeof(number) IN ('integer')),
    name_zh text NOT NULL,
    name_en text NOT NULL,
    description_zh text NOT NULL,
    description_en text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, number)
);

-- What is done under a measure, for one branch or the town, by a person or an office.
CREATE TABLE measure_tasks (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    measure_number INTEGER NOT NULL CHECK (measure_number BETWEEN 1 AND 7) CHECK (typeof(measure_number) IN ('integer')),
    branch_code text,
    person_code text,
    office_code text,
    plan_item_id text CHECK (length(plan_item_id) = 36),
    title text NOT NULL CHECK (length(title) > 0),
    due_on text NOT NULL CHECK (length(due_on) = 10),
    progress INTEGER NOT NULL CHECK (progress BETWEEN 0 AND 100) CHECK (typeof(progress) IN ('integer')),
    state text NOT NULL CHECK (state IN ('open', 'done', 'dropped')),
    evidence text NOT NULL,
    set_by text NOT NULL,
    state_by text NOT NULL,
    state_at DATETIME NOT NULL,
    state_reason text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, person_code) REFERENCES people (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, office_code) REFERENCES offices (town_id, code) ON DELETE RESTRICT,
    CHECK ((person_code IS NULL) <> (office_code IS NULL)),
    CHECK (state <> 'done' OR progress = 100)
);
CREATE INDEX measure_tasks_measure ON measure_tasks (town_id, measure_number, branch_code);

CREATE TABLE task_notes (
    town_id text NOT NULL,
    task_id text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    verb text NOT NULL CHECK (length(verb) > 0),
    at DATETIME NOT NULL,
    actor text NOT NULL,
    role text NOT NULL,
    progress INTEGER NOT NULL CHECK (progress BETWEEN 0 AND 100) CHECK (typeof(progress) IN ('integer')),
    note text NOT NULL,
    evidence text NOT NULL,
    PRIMARY KEY (town_id, task_id, version),
    FOREIGN KEY (town_id, task_id) REFERENCES measure_tasks (town_id, id) ON DELETE RESTRICT
);
-- +goose StatementBegin
CREATE TRIGGER task_notes_immutable_update BEFORE UPDATE ON task_notes BEGIN
    SELECT RAISE(ABORT, 'rows of task_notes are immutable');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER task_notes_immutable_delete BEFORE DELETE ON task_notes BEGIN
    SELECT RAISE(ABORT, 'rows of task_notes are immutable');
END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE task_notes;
DROP TABLE measure_tasks;
DROP TABLE measures;
DROP TABLE target_moves;
DROP TABLE improvement_targets;
