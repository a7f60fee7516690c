-- What was seen at a branch, and the problems that are solved together.

-- What somebody saw and talked about at a branch on a day. The row holds what
-- counts now; what was recorded, and each correction of it, stays in visit_versions.
CREATE TABLE visits (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    branch_code text NOT NULL,
    visited_by text NOT NULL,
    role text NOT NULL CHECK (role IN ('instructor', 'liaison_office')),
    state text NOT NULL CHECK (state IN ('draft', 'recorded')),
    recorded_at DATETIME,
    visited_on text NOT NULL CHECK (length(visited_on) = 10),
    place text NOT NULL,
    checks text NOT NULL,
    evidence text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, visited_by) REFERENCES people (town_id, code) ON DELETE RESTRICT,
    CHECK ((state = 'recorded') = (recorded_at IS NOT NULL))
);
CREATE INDEX visits_branch ON visits (town_id, branch_code, visited_on);

-- What a visit found. Plan items and measures are named, not copied.
CREATE TABLE visit_findings (
    town_id text NOT NULL,
    visit_id text NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0) CHECK (typeof(number) IN ('integer')),
    statement text NOT NULL CHECK (length(statement) > 0),
    severity text NOT NULL CHECK (severity IN ('minor', 'major', 'critical')),
    indicator text NOT NULL,
    measure INTEGER CHECK (measure BETWEEN 1 AND 7) CHECK (typeof(measure) IN ('integer', 'null')),
    plan_item_id text CHECK (length(plan_item_id) = 36),
    PRIMARY KEY (town_id, visit_id, number),
    FOREIGN KEY (town_id, visit_id) REFERENCES visits (town_id, id) ON DELETE RESTRICT
);

-- What was recorded of a visit, word for word.
CREATE TABLE visit_versions (
    town_id text NOT NULL,
    visit_id text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    verb text NOT NULL CHECK (verb IN ('record', 'correct')),
    at DATETIME NOT NULL,
    actor text NOT NULL,
    role text NOT NULL,
    reason text NOT NULL,
    document text NOT NULL,
    PRIMARY KEY (town_id, visit_id, version),
    FOREIGN KEY (town_id, visit_id) REFERENCES visits (town_id, id) ON DELETE RESTRICT,
    CHECK (verb <> 'correct' OR length(reason) > 0)
);
CREATE TRIGGER visit_versions_immutable_update BEFORE UPDATE ON visit_versions BEGIN
    SELECT RAISE(ABORT, 'rows of visit_versions are immutable');
END;
CREATE TRIGGER visit_versions_immutable_delete BEFORE DELETE ON visit_versions BEGIN
    SELECT RAISE(ABORT, 'rows of visit_versions are immutable');
END;

-- What branch, instructor and office solve together (难题), with one owner, a
-- person or an office.
CREATE TABLE problems (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    branch_code text NOT NULL,
    visit_id text,
    finding_number INTEGER CHECK (finding_number > 0) CHECK (typeof(finding_number) IN ('integer', 'null')),
    after_id text,
    title text NOT NULL CHECK (length(title) > 0),
    description text NOT NULL,
    owner_person text,
    owner_office text,
    participants text NOT NULL,
    due_on text NOT NULL CHECK (length(due_on) = 10),
    state text NOT NULL CHECK (state IN ('open', 'in_progress', 'solved', 'closed', 'reopened')),
    opened_by text NOT NULL,
    opened_role text NOT NULL,
    solution text NOT NULL,
    evidence text NOT NULL,
    solved_by text NOT NULL,
    solved_for text NOT NULL CHECK (solved_for IN ('', 'branch', 'instructor', 'office')),
    closed_on text CHECK (length(closed_on) = 10),
    relapses INTEGER NOT NULL CHECK (relapses >= 0) CHECK (typeof(relapses) IN ('integer')),
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
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
