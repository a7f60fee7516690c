-- The seven measures (七大措施), and what is done under each.

-- What a town calls its measures; one without a row is as it was built in.
CREATE TABLE measures (
    town_id text NOT NULL REFERENCES towns (code) ON DELETE RESTRICT,
    number INTEGER NOT NULL CHECK (number BETWEEN 1 AND 7) CHECK (typeof(number) IN ('integer')),
    name_zh text NOT NULL,
    name_en text NOT NULL,
    description_zh text NOT NULL,
    description_en text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, number)
);

-- What is done under a measure, for one branch or the town, by a person or an office.
CREATE TABLE measure_tasks (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    measure_number INTEGER NOT NULL CHECK (measure_number BETWEEN 1 AND 7) CHECK (typeof(measure_number) IN ('integer')),
    branch_code text,
    person_code text,
    office_code text,
    plan_item_id text CHECK (length(plan_item_id) = 36),
    title text NOT NULL CHECK (length(title) > 0),
    due_on text NOT NULL CHECK (length(due_on) = 10),
    progress INTEGER NOT NULL CHECK (progress BETWEEN 0 AND 100) CHECK (typeof(progress) IN ('integer')),
    state text NOT NULL CHECK (state IN ('open', 'done', 'dropped')),
    evidence text NOT NULL,
    set_by text NOT NULL,
    state_by text NOT NULL,
    state_at DATETIME NOT NULL,
    state_reason text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, person_code) REFERENCES people (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, office_code) REFERENCES offices (town_id, code) ON DELETE RESTRICT,
    CHECK ((person_code IS NULL) <> (office_code IS NULL)),
    CHECK (state <> 'done' OR progress = 100)
);
CREATE INDEX measure_tasks_measure ON measure_tasks (town_id, measure_number, branch_code);
