-- Why a result is what it is, and how a branch is to improve (一村一策).

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

-- How one branch is to improve. A branch has one plan at a time that is not closed.
CREATE TABLE plans (
    town_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL CHECK (length(id) = 36),
    branch_code text COLLATE "C" NOT NULL,
    target_id text COLLATE "C",
    period_code text COLLATE "C" NOT NULL,
    publication_number bigint NOT NULL,
    document text COLLATE "C" NOT NULL,
    stage text COLLATE "C" NOT NULL CHECK (stage IN ('draft', 'advised', 'approved')),
    state text COLLATE "C" NOT NULL CHECK (state IN ('draft', 'advised', 'approved', 'running', 'returned', 'accepted', 'closed')),
    approved_version bigint,
    approved_on text COLLATE "C" CHECK (length(approved_on) = 10),
    closed_on text COLLATE "C" CHECK (length(closed_on) = 10),
    state_by text COLLATE "C" NOT NULL,
    state_at timestamptz NOT NULL,
    state_reason text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
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
    town_id text COLLATE "C" NOT NULL,
    plan_id text COLLATE "C" NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    stage text COLLATE "C" NOT NULL CHECK (stage IN ('advised', 'approved')),
    document text COLLATE "C" NOT NULL,
    digest text COLLATE "C" NOT NULL CHECK (length(digest) = 64),
    prediction text COLLATE "C",
    note text COLLATE "C" NOT NULL,
    made_by text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    made_at timestamptz NOT NULL,
    made_on text COLLATE "C" NOT NULL CHECK (length(made_on) = 10),
    PRIMARY KEY (town_id, plan_id, number),
    FOREIGN KEY (town_id, plan_id) REFERENCES plans (town_id, id) ON DELETE RESTRICT,
    CHECK ((stage = 'approved') = (prediction IS NOT NULL))
);
CREATE TRIGGER plan_versions_immutable BEFORE UPDATE OR DELETE ON plan_versions FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER plan_versions_kept BEFORE TRUNCATE ON plan_versions FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The items of the approved version, and those that an earlier one had.
CREATE TABLE plan_items (
    town_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL CHECK (length(id) = 36),
    plan_id text COLLATE "C" NOT NULL,
    branch_code text COLLATE "C" NOT NULL,
    position bigint NOT NULL CHECK (position > 0),
    indicator text COLLATE "C" NOT NULL CHECK (length(indicator) > 0),
    value_now double precision,
    score_now double precision NOT NULL,
    value_goal double precision NOT NULL,
    score_goal double precision NOT NULL,
    points double precision NOT NULL,
    measure bigint NOT NULL CHECK (measure BETWEEN 1 AND 7),
    action text COLLATE "C" NOT NULL CHECK (length(action) > 0),
    owner_kind text COLLATE "C" NOT NULL CHECK (owner_kind IN ('person', 'office', 'branch')),
    owner_code text COLLATE "C" NOT NULL,
    due_on text COLLATE "C" NOT NULL CHECK (length(due_on) = 10),
    cost double precision NOT NULL CHECK (cost >= 0),
    why text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (state IN ('open', 'done', 'verified', 'returned', 'closed', 'dropped')),
    evidence text COLLATE "C" NOT NULL,
    done_by text COLLATE "C" NOT NULL,
    state_by text COLLATE "C" NOT NULL,
    state_at timestamptz NOT NULL,
    state_reason text COLLATE "C" NOT NULL,
    closed_at timestamptz,
    relapses bigint NOT NULL CHECK (relapses >= 0),
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
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
    town_id text COLLATE "C" NOT NULL,
    plan_id text COLLATE "C" NOT NULL,
    period_code text COLLATE "C" NOT NULL,
    publication_number bigint NOT NULL,
    version_number bigint NOT NULL,
    document text COLLATE "C" NOT NULL,
    made_at timestamptz NOT NULL,
    PRIMARY KEY (town_id, plan_id, period_code, publication_number),
    FOREIGN KEY (town_id, plan_id, version_number) REFERENCES plan_versions (town_id, plan_id, number) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, period_code, publication_number) REFERENCES publications (town_id, period_code, number) ON DELETE RESTRICT
);
CREATE TRIGGER plan_outcomes_immutable BEFORE UPDATE OR DELETE ON plan_outcomes FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER plan_outcomes_kept BEFORE TRUNCATE ON plan_outcomes FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
