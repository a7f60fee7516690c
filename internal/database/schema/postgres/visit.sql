-- What was seen at a branch, and the problems that are solved together.

-- What somebody saw and talked about at a branch on a day. The row holds what
-- counts now; what was recorded, and each correction of it, stays in visit_versions.
CREATE TABLE visits (
    town_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL CHECK (length(id) = 36),
    branch_code text COLLATE "C" NOT NULL,
    visited_by text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL CHECK (role IN ('instructor', 'liaison_office')),
    state text COLLATE "C" NOT NULL CHECK (state IN ('draft', 'recorded')),
    recorded_at timestamptz,
    visited_on text COLLATE "C" NOT NULL CHECK (length(visited_on) = 10),
    place text COLLATE "C" NOT NULL,
    checks text COLLATE "C" NOT NULL,
    evidence text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, visited_by) REFERENCES people (town_id, code) ON DELETE RESTRICT,
    CHECK ((state = 'recorded') = (recorded_at IS NOT NULL))
);
CREATE INDEX visits_branch ON visits (town_id, branch_code, visited_on);

-- What a visit found. Plan items and measures are named, not copied.
CREATE TABLE visit_findings (
    town_id text COLLATE "C" NOT NULL,
    visit_id text COLLATE "C" NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    statement text COLLATE "C" NOT NULL CHECK (length(statement) > 0),
    severity text COLLATE "C" NOT NULL CHECK (severity IN ('minor', 'major', 'critical')),
    indicator text COLLATE "C" NOT NULL,
    measure bigint CHECK (measure BETWEEN 1 AND 7),
    plan_item_id text COLLATE "C" CHECK (length(plan_item_id) = 36),
    PRIMARY KEY (town_id, visit_id, number),
    FOREIGN KEY (town_id, visit_id) REFERENCES visits (town_id, id) ON DELETE RESTRICT
);

-- What was recorded of a visit, word for word.
CREATE TABLE visit_versions (
    town_id text COLLATE "C" NOT NULL,
    visit_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    verb text COLLATE "C" NOT NULL CHECK (verb IN ('record', 'correct')),
    at timestamptz NOT NULL,
    actor text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    document text COLLATE "C" NOT NULL,
    PRIMARY KEY (town_id, visit_id, version),
    FOREIGN KEY (town_id, visit_id) REFERENCES visits (town_id, id) ON DELETE RESTRICT,
    CHECK (verb <> 'correct' OR length(reason) > 0)
);
CREATE TRIGGER visit_versions_immutable BEFORE UPDATE OR DELETE ON visit_versions FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER visit_versions_kept BEFORE TRUNCATE ON visit_versions FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What branch, instructor and office solve together (难题), with one owner, a
-- person or an office.
CREATE TABLE problems (
    town_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL CHECK (length(id) = 36),
    branch_code text COLLATE "C" NOT NULL,
    visit_id text COLLATE "C",
    finding_number bigint CHECK (finding_number > 0),
    after_id text COLLATE "C",
    title text COLLATE "C" NOT NULL CHECK (length(title) > 0),
    description text COLLATE "C" NOT NULL,
    owner_person text COLLATE "C",
    owner_office text COLLATE "C",
    participants text COLLATE "C" NOT NULL,
    due_on text COLLATE "C" NOT NULL CHECK (length(due_on) = 10),
    state text COLLATE "C" NOT NULL CHECK (state IN ('open', 'in_progress', 'solved', 'closed', 'reopened')),
    opened_by text COLLATE "C" NOT NULL,
    opened_role text COLLATE "C" NOT NULL,
    solution text COLLATE "C" NOT NULL,
    evidence text COLLATE "C" NOT NULL,
    solved_by text COLLATE "C" NOT NULL,
    solved_for text COLLATE "C" NOT NULL CHECK (solved_for IN ('', 'branch', 'instructor', 'office')),
    closed_on text COLLATE "C" CHECK (length(closed_on) = 10),
    relapses bigint NOT NULL CHECK (relapses >= 0),
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, visit_id) REFERENCES visits (town_id, id) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, after_id) REFERENCES problems (town_id, id) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, owner_person) REFERENCES people (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, owner_office) REFERENCES offices (town_id, code) ON DELETE RESTRICT,
    CHECK ((owner_person IS NULL) <> (owner_office IS NULL)),
    CHECK (finding_number IS NULL OR visit_id IS NOT NULL),
    CHECK ((state IN ('solved', 'closed')) = (solved_for <> '')),
    CHECK (state <> 'solved' OR length(solution) > 0),
    CHECK ((state = 'closed') = (closed_on IS NOT NULL))
);
CREATE INDEX problems_branch ON problems (town_id, branch_code, state);
CREATE UNIQUE INDEX problems_finding ON problems (town_id, visit_id, finding_number);
