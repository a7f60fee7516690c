-- The pioneer teams and projects, and how some are chosen.

-- Teams that take on what is hard (先锋队): a count of members, no names.
CREATE TABLE pioneer_teams (
    town_id text COLLATE "C" NOT NULL,
    code text COLLATE "C" NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
    name_zh text COLLATE "C" NOT NULL,
    name_en text COLLATE "C" NOT NULL,
    field text COLLATE "C" NOT NULL CHECK (field IN ('development', 'governance', 'hard-tasks', 'ethos')),
    branches text COLLATE "C" NOT NULL,
    founded_on text COLLATE "C" CHECK (length(founded_on) = 10),
    members bigint NOT NULL CHECK (members >= 0),
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (town_id, code),
    FOREIGN KEY (town_id) REFERENCES towns (code) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX pioneer_teams_code_lower ON pioneer_teams (town_id, lower(code));

-- A round of choosing among projects: by which criteria, by whom, how many.
CREATE TABLE selection_rounds (
    town_id text COLLATE "C" NOT NULL,
    code text COLLATE "C" NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
    name_zh text COLLATE "C" NOT NULL,
    name_en text COLLATE "C" NOT NULL,
    criteria text COLLATE "C" NOT NULL,
    judges text COLLATE "C" NOT NULL,
    combination text COLLATE "C" NOT NULL CHECK (combination IN ('mean', 'median', 'trimmed')),
    trim bigint NOT NULL CHECK (trim >= 0),
    places bigint NOT NULL CHECK (places > 0),
    seats bigint NOT NULL CHECK (seats > 0),
    state text COLLATE "C" NOT NULL CHECK (state IN ('registering', 'judging', 'closed', 'shortlisted', 'decided')),
    state_by text COLLATE "C" NOT NULL,
    state_at timestamptz NOT NULL,
    state_reason text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (town_id, code),
    FOREIGN KEY (town_id) REFERENCES towns (code) ON DELETE RESTRICT,
    CHECK (seats <= places)
);
CREATE UNIQUE INDEX selection_rounds_code_lower ON selection_rounds (town_id, lower(code));

-- What a branch or team undertakes (党员先锋项目), as a candidate of one round.
CREATE TABLE pioneer_projects (
    town_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL CHECK (length(id) = 36),
    round_code text COLLATE "C" NOT NULL,
    branch_code text COLLATE "C" NOT NULL,
    team_code text COLLATE "C",
    title text COLLATE "C" NOT NULL CHECK (length(title) > 0),
    field text COLLATE "C" NOT NULL CHECK (field IN ('development', 'governance', 'hard-tasks', 'ethos')),
    description text COLLATE "C" NOT NULL,
    evidence text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (state IN ('registered', 'shortlisted', 'chosen', 'not_chosen', 'finished', 'withdrawn')),
    state_by text COLLATE "C" NOT NULL,
    state_at timestamptz NOT NULL,
    state_reason text COLLATE "C" NOT NULL,
    adjustment_id text COLLATE "C",
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, round_code) REFERENCES selection_rounds (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, team_code) REFERENCES pioneer_teams (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, adjustment_id) REFERENCES adjustments (town_id, id) ON DELETE RESTRICT
);
CREATE INDEX pioneer_projects_round ON pioneer_projects (town_id, round_code, state);

-- What one judge gave the projects of a round: made empty when judging begins, and
-- written by that judge alone until the round closes.
CREATE TABLE judge_sheets (
    town_id text COLLATE "C" NOT NULL,
    round_code text COLLATE "C" NOT NULL,
    judge text COLLATE "C" NOT NULL,
    scores text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (town_id, round_code, judge),
    FOREIGN KEY (town_id, round_code) REFERENCES selection_rounds (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, judge) REFERENCES people (town_id, code) ON DELETE RESTRICT
);
