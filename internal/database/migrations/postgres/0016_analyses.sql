-- +goose Up

-- Why a published result is what it is, as one mentor of the branch sees it.
CREATE TABLE analyses (
    town_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL CHECK (length(id) = 36),
    period_code text COLLATE "C" NOT NULL,
    publication_number bigint NOT NULL,
    branch_code text COLLATE "C" NOT NULL,
    mentor_code text COLLATE "C" NOT NULL,
    findings text COLLATE "C" NOT NULL,
    summary text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (state IN ('draft', 'submitted')),
    submitted_at timestamptz,
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, period_code, publication_number) REFERENCES publications (town_id, period_code, number) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, mentor_code) REFERENCES people (town_id, code) ON DELETE RESTRICT,
    CHECK ((state = 'submitted') = (submitted_at IS NOT NULL))
);
CREATE UNIQUE INDEX analyses_one ON analyses (town_id, branch_code, period_code, publication_number, mentor_code);

CREATE TABLE analysis_moves (
    town_id text COLLATE "C" NOT NULL,
    analysis_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    verb text COLLATE "C" NOT NULL CHECK (length(verb) > 0),
    at timestamptz NOT NULL,
    actor text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    PRIMARY KEY (town_id, analysis_id, version),
    FOREIGN KEY (town_id, analysis_id) REFERENCES analyses (town_id, id) ON DELETE RESTRICT
);
CREATE TRIGGER analysis_moves_immutable BEFORE UPDATE OR DELETE ON analysis_moves FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- +goose Down
DROP TABLE analysis_moves;
DROP TABLE analyses;
