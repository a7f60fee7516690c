-- Why a result is what it is, and how a branch is to improve (一村一策).

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

-- How one branch is to improve. A branch has one plan at a time that is not closed.
CREATE TABLE plans (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    branch_code text NOT NULL,
    target_id text,
    period_code text NOT NULL,
    publication_number INTEGER NOT NULL CHECK (typeof(publication_number) IN ('integer')),
    document text NOT NULL,
    stage text NOT NULL CHECK (stage IN ('draft', 'advised', 'approved')),
    state text NOT NULL CHECK (state IN ('draft', 'advised', 'approved', 'running', 'returned', 'accepted', 'closed')),
    approved_version INTEGER CHECK (typeof(approved_version) IN ('integer', 'null')),
    approved_on text CHECK (length(approved_on) = 10),
    closed_on text CHECK (length(closed_on) = 10),
    state_by text NOT NULL,
    state_at DATETIME NOT NULL,
    state_reason text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, target_id) REFERENCES improvement_targets (town_id, id) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, period_code, publication_number) REFERENCES publications (town_id, period_code, number) ON DELETE RESTRICT,
    CHECK ((state IN ('draft', 'advised')) = (approved_version IS NULL)),
    CHECK ((approved_version IS NULL) = (approved_on IS NULL)),
    CHECK ((state = 'closed') = (closed_on IS NOT NULL)),
    CHECK (state NOT IN ('draft', 'advised') OR stage = state)
);
CREATE UNIQUE INDEX plans_living ON plans (town_id, branch_code) WHERE state <> 'closed';

-- What was advised on and approved, word for word.
CREATE TABLE plan_versions (
    town_id text NOT NULL,
    plan_id text NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0) CHECK (typeof(number) IN ('integer')),
    stage text NOT NULL CHECK (stage IN ('advised', 'approved')),
    document text NOT NULL,
    digest text NOT NULL CHECK (length(digest) = 64),
    prediction text,
    note text NOT NULL,
    made_by text NOT NULL,
    role text NOT NULL,
    made_at DATETIME NOT NULL,
    made_on text NOT NULL CHECK (length(made_on) = 10),
    PRIMARY KEY (town_id, plan_id, number),
    FOREIGN KEY (town_id, plan_id) REFERENCES plans (town_id, id) ON DELETE RESTRICT,
    CHECK ((stage = 'approved') = (prediction IS NOT NULL))
);
CREATE TRIGGER plan_versions_immutable_update BEFORE UPDATE ON plan_versions BEGIN
    SELECT RAISE(ABORT, 'rows of plan_versions are immutable');
END;
CREATE TRIGGER plan_versions_immutable_delete BEFORE DELETE ON plan_versions BEGIN
    SELECT RAISE(ABORT, 'rows of plan_versions are immutable');
END;

-- The items of the approved version, and those that an earlier one had.
CREATE TABLE plan_items (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    plan_id text NOT NULL,
    branch_code text NOT NULL,
    position INTEGER NOT NULL CHECK (position > 0) CHECK (typeof(position) IN ('integer')),
    indicator text NOT NULL CHECK (length(indicator) > 0),
    value_now REAL CHECK (typeof(value_now) IN ('real', 'null')),
    score_now REAL NOT NULL CHECK (typeof(score_now) IN ('real')),
    value_goal REAL NOT NULL CHECK (typeof(value_goal) IN ('real')),
    score_goal REAL NOT NULL CHECK (typeof(score_goal) IN ('real')),
    points REAL NOT NULL CHECK (typeof(points) IN ('real')),
    measure INTEGER NOT NULL CHECK (measure BETWEEN 1 AND 7) CHECK (typeof(measure) IN ('integer')),
    action text NOT NULL CHECK (length(action) > 0),
    owner_kind text NOT NULL CHECK (owner_kind IN ('person', 'office', 'branch')),
    owner_code text NOT NULL,
    due_on text NOT NULL CHECK (length(due_on) = 10),
    cost REAL NOT NULL CHECK (cost >= 0) CHECK (typeof(cost) IN ('real')),
    why text NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'done', 'verified', 'returned', 'closed', 'dropped')),
    evidence text NOT NULL,
    done_by text NOT NULL,
    state_by text NOT NULL,
    state_at DATETIME NOT NULL,
    state_reason text NOT NULL,
    closed_at DATETIME,
    relapses INTEGER NOT NULL CHECK (relapses >= 0) CHECK (typeof(relapses) IN ('integer')),
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, plan_id) REFERENCES plans (town_id, id) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    CHECK (state <> 'closed' OR closed_at IS NOT NULL),
    CHECK (state NOT IN ('done', 'verified', 'closed') OR length(evidence) > 0)
);
CREATE INDEX plan_items_plan ON plan_items (town_id, plan_id, position);

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
CREATE TRIGGER plan_outcomes_immutable_update BEFORE UPDATE ON plan_outcomes BEGIN
    SELECT RAISE(ABORT, 'rows of plan_outcomes are immutable');
END;
CREATE TRIGGER plan_outcomes_immutable_delete BEFORE DELETE ON plan_outcomes BEGIN
    SELECT RAISE(ABORT, 'rows of plan_outcomes are immutable');
END;
