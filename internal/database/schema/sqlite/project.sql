-- The pioneer teams and projects, and how some are chosen.

-- Teams that take on what is hard (先锋队): a count of members, no names.
CREATE TABLE pioneer_teams (
    town_id text NOT NULL,
    code text NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
    name_zh text NOT NULL,
    name_en text NOT NULL,
    field text NOT NULL CHECK (field IN ('development', 'governance', 'hard-tasks', 'ethos')),
    branches text NOT NULL,
    founded_on text CHECK (length(founded_on) = 10),
    members INTEGER NOT NULL CHECK (members >= 0) CHECK (typeof(members) IN ('integer')),
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, code),
    FOREIGN KEY (town_id) REFERENCES towns (code) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX pioneer_teams_code_lower ON pioneer_teams (town_id, lower(code));

-- A round of choosing among projects: by which criteria, by whom, how many.
CREATE TABLE selection_rounds (
    town_id text NOT NULL,
    code text NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
    name_zh text NOT NULL,
    name_en text NOT NULL,
    criteria text NOT NULL,
    judges text NOT NULL,
    combination text NOT NULL CHECK (combination IN ('mean', 'median', 'trimmed')),
    trim INTEGER NOT NULL CHECK (trim >= 0) CHECK (typeof(trim) IN ('integer')),
    places INTEGER NOT NULL CHECK (places > 0) CHECK (typeof(places) IN ('integer')),
    seats INTEGER NOT NULL CHECK (seats > 0) CHECK (typeof(seats) IN ('integer')),
    state text NOT NULL CHECK (state IN ('registering', 'judging', 'closed', 'shortlisted', 'decided')),
    state_by text NOT NULL,
    state_at DATETIME NOT NULL,
    state_reason text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, code),
    FOREIGN KEY (town_id) REFERENCES towns (code) ON DELETE RESTRICT,
    CHECK (seats <= places)
);
CREATE UNIQUE INDEX selection_rounds_code_lower ON selection_rounds (town_id, lower(code));

-- What a branch or team undertakes (党员先锋项目), as a candidate of one round.
CREATE TABLE pioneer_projects (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    round_code text NOT NULL,
    branch_code text NOT NULL,
    team_code text,
    title text NOT NULL CHECK (length(title) > 0),
    field text NOT NULL CHECK (field IN ('development', 'governance', 'hard-tasks', 'ethos')),
    description text NOT NULL,
    evidence text NOT NULL,
    state text NOT NULL CHECK (state IN ('registered', 'shortlisted', 'chosen', 'not_chosen', 'finished', 'withdrawn')),
    state_by text NOT NULL,
    state_at DATETIME NOT NULL,
    state_reason text NOT NULL,
    adjustment_id text,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
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
    town_id text NOT NULL,
    round_code text NOT NULL,
    judge text NOT NULL,
    scores text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, round_code, judge),
    FOREIGN KEY (town_id, round_code) REFERENCES selection_rounds (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, judge) REFERENCES people (town_id, code) ON DELETE RESTRICT
);
