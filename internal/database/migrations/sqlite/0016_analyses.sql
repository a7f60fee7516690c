-- +goose Up

-- Why a published result is what it is, as one mentor of the branch sees it.
CREATE TABLE analyses (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    period_code text NOT NULL,
    publication_number INTEGER NOT NULL CHECK (typeof(publication_number) IN ('integer')),
    branch_code text NOT NULL,
    mentor_code text NOT NULL,
    findings text NOT NULL,
    summary text NOT NULL,
    state text NOT NULL CHECK (state IN ('draft', 'submitted')),
    submitted_at DATETIME,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, period_code, publication_number) REFERENCES publications (town_id, period_code, number) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, mentor_code) REFERENCES people (town_id, code) ON DELETE RESTRICT,
    CHECK ((state = 'submitted') = (submitted_at IS NOT NULL))
);
CREATE UNIQUE INDEX analyses_one ON analyses (town_id, branch_code, period_code, publication_number, mentor_code);

CREATE TABLE analysis_moves (
    town_id text NOT NULL,
    analysis_id text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    verb text NOT NULL CHECK (length(verb) > 0),
    at DATETIME NOT NULL,
    actor text NOT NULL,
    role text NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (town_id, analysis_id, version),
    FOREIGN KEY (town_id, analysis_id) REFERENCES analyses (town_id, id) ON DELETE RESTRICT
);
-- +goose StatementBegin
CREATE TRIGGER analysis_moves_immutable_update BEFORE UPDATE ON analysis_moves BEGIN
    SELECT RAISE(ABORT, 'rows of analysis_moves are immutable');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER analysis_moves_immutable_delete BEFORE DELETE ON analysis_moves BEGIN
    SELECT RAISE(ABORT, 'rows of analysis_moves are immutable');
END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE analysis_moves;
DROP TABLE analyses;
