-- The seven measures (七大措施), and what is done under each.

-- What a town calls its measures; one without a row is as it was built in.
CREATE TABLE measures (
    town_id text COLLATE "C" NOT NULL REFERENCES towns (code) ON DELETE RESTRICT,
    number bigint NOT NULL CHECK (number BETWEEN 1 AND 7),
    name_zh text COLLATE "C" NOT NULL,
    name_en text COLLATE "C" NOT NULL,
    description_zh text COLLATE "C" NOT NULL,
    description_en text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (town_id, number)
);

-- What is done under a measure, for one branch or the town, by a person or an office.
CREATE TABLE measure_tasks (
    town_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL CHECK (length(id) = 36),
    measure_number bigint NOT NULL CHECK (measure_number BETWEEN 1 AND 7),
    branch_code text COLLATE "C",
    person_code text COLLATE "C",
    office_code text COLLATE "C",
    plan_item_id text COLLATE "C" CHECK (length(plan_item_id) = 36),
    title text COLLATE "C" NOT NULL CHECK (length(title) > 0),
    due_on text COLLATE "C" NOT NULL CHECK (length(due_on) = 10),
    progress bigint NOT NULL CHECK (progress BETWEEN 0 AND 100),
    state text COLLATE "C" NOT NULL CHECK (state IN ('open', 'done', 'dropped')),
    evidence text COLLATE "C" NOT NULL,
    set_by text COLLATE "C" NOT NULL,
    state_by text COLLATE "C" NOT NULL,
    state_at timestamptz NOT NULL,
    state_reason text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, person_code) REFERENCES people (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, office_code) REFERENCES offices (town_id, code) ON DELETE RESTRICT,
    CHECK ((person_code IS NULL) <> (office_code IS NULL)),
    CHECK (state <> 'done' OR progress = 100)
);
CREATE INDEX measure_tasks_measure ON measure_tasks (town_id, measure_number, branch_code);
