-- The branches that are to be improved.

-- The rules of improvement of a town; a town without a row has the defaults.
CREATE TABLE improvement_settings (
    town_id text COLLATE "C" NOT NULL PRIMARY KEY REFERENCES towns (code) ON DELETE RESTRICT,
    document text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

-- Branches that are to be improved: proposed by a rule from a publication, or by a
-- person with a reason, and confirmed by a person. until_on is the last day.
CREATE TABLE improvement_targets (
    town_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL CHECK (length(id) = 36),
    branch_code text COLLATE "C" NOT NULL,
    period_code text COLLATE "C",
    publication_number bigint,
    reasons text COLLATE "C" NOT NULL,
    statement text COLLATE "C" NOT NULL,
    lapsed boolean NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (state IN ('proposed', 'confirmed', 'dismissed', 'ended')),
    proposed_by text COLLATE "C" NOT NULL,
    decided_by text COLLATE "C" NOT NULL,
    decided_at timestamptz,
    decision_reason text COLLATE "C" NOT NULL,
    from_on text COLLATE "C" CHECK (length(from_on) = 10),
    until_on text COLLATE "C" CHECK (length(until_on) = 10),
    outcome text COLLATE "C" NOT NULL CHECK (outcome IN ('', 'improved', 'unimproved', 'other')),
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
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
