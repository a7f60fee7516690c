-- +goose Up

-- What became of a plan: its branch's result in a publication after the approval,
-- beside what was predicted. One row for each publication; an amended result adds one.
CREATE TABLE plan_outcomes (
    town_id text NOT NULL,
    plan_id text NOT NULL,
    period_code text NOT NULL,
    publication_number INTEGER NOT NULL CHECK (typeof(publication_number) IN ('integer')),
    version_number INTEGER NOT NULL CHECK (typeof(version_number) IN ('integer')),
    document text NOT NULL,
    made_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, plan_id, period_code, publication_number),
    FOREIGN KEY (town_id, plan_id, version_number) REFERENCES plan_versions (town_id, plan_id, number) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, period_code, publication_number) REFERENCES publications (town_id, period_code, number) ON DELETE RESTRICT
);
-- +goose StatementBegin
CREATE TRIGGER plan_outcomes_immutable_update BEFORE UPDATE ON plan_outcomes BEGIN
    SELECT RAISE(ABORT, 'rows of plan_outcomes are immutable');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plan_outcomes_immutable_delete BEFORE DELETE ON plan_outcomes BEGIN
    SELECT RAISE(ABORT, 'rows of plan_outcomes are immutable');
END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE plan_outcomes;
