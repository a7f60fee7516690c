-- The administrative areas, the towns, and the branches of each town.

-- Holds for every file here:
-- Days are text 'YYYY-MM-DD' in Asia/Shanghai on both databases: they compare as
-- text in the order of the calendar, and no time zone can shift them. Text sorts
-- by code point. SQLite takes any value in any column, so that each column of
-- numbers checks the type of what it stores (typeof), as PostgreSQL does by itself.

-- One node of the administrative tree, by its statistical code.
CREATE TABLE areas (
    code text NOT NULL PRIMARY KEY CHECK (length(code) BETWEEN 2 AND 12),
    parent_code text REFERENCES areas (code) ON DELETE RESTRICT,
    level text NOT NULL CHECK (level IN ('province', 'city', 'district', 'town')),
    name_zh text NOT NULL,
    name_en text NOT NULL,
    provenance text NOT NULL
);

-- A town owns everything that carries its code as town_id. It says whether publications
-- take two persons, and for how many days after the first one a result can be amended.
CREATE TABLE towns (
    code text NOT NULL PRIMARY KEY CHECK (length(code) BETWEEN 1 AND 64),
    area_code text NOT NULL REFERENCES areas (code) ON DELETE RESTRICT,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    open_results boolean NOT NULL CHECK (typeof(open_results) IN ('integer')),
    require_signature boolean NOT NULL CHECK (typeof(require_signature) IN ('integer')),
    provenance text NOT NULL,
    second_person text NOT NULL CHECK (second_person IN ('required', 'none')),
    amendment_days INTEGER NOT NULL DEFAULT 0 CHECK (amendment_days BETWEEN 0 AND 3650) CHECK (typeof(amendment_days) IN ('integer')),
    open_proposals INTEGER NOT NULL DEFAULT 10 CHECK (open_proposals BETWEEN 1 AND 1000) CHECK (typeof(open_proposals) IN ('integer')),
    runs_per_lock INTEGER NOT NULL DEFAULT 20 CHECK (runs_per_lock BETWEEN 1 AND 1000) CHECK (typeof(runs_per_lock) IN ('integer')),
    notice_floor INTEGER NOT NULL DEFAULT 0 CHECK (notice_floor BETWEEN 0 AND 90) CHECK (typeof(notice_floor) IN ('integer')),
    least_scored REAL NOT NULL DEFAULT 0.8 CHECK (least_scored >= 0 AND least_scored <= 1) CHECK (typeof(least_scored) IN ('real')),
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
-- Here and for every other code: two that differ only in capital and small letters are one.
CREATE UNIQUE INDEX towns_code_lower ON towns (lower(code));

-- What kinds of branches a town has: village, community, enterprise …
CREATE TABLE kinds (
    town_id text NOT NULL REFERENCES towns (code) ON DELETE RESTRICT,
    code text NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
    name_zh text NOT NULL,
    name_en text NOT NULL,
    provenance text NOT NULL,
    PRIMARY KEY (town_id, code)
);
CREATE UNIQUE INDEX kinds_code_lower ON kinds (town_id, lower(code));

-- The groups of branches that are ranked together.
CREATE TABLE classes (
    town_id text NOT NULL REFERENCES towns (code) ON DELETE RESTRICT,
    code text NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
    name_zh text NOT NULL,
    name_en text NOT NULL,
    provenance text NOT NULL,
    PRIMARY KEY (town_id, code)
);
CREATE UNIQUE INDEX classes_code_lower ON classes (town_id, lower(code));

-- One merged into another is closed, and says into which. known_from is when a fact was
-- entered, however early it holds: what is computed of a period that was locked before
-- does not take it.
CREATE TABLE branches (
    town_id text NOT NULL REFERENCES towns (code) ON DELETE RESTRICT,
    code text NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
    statistical_code text CHECK (length(statistical_code) = 12),
    founded_on text CHECK (length(founded_on) = 10),
    closed_on text CHECK (length(closed_on) = 10 AND (founded_on IS NULL OR founded_on <= closed_on)),
    closed_reason text NOT NULL,
    merged_into text,
    provenance text NOT NULL,
    known_from DATETIME NOT NULL,
    closed_known_from DATETIME,
    founded_known_from DATETIME,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, code),
    FOREIGN KEY (town_id, merged_into) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    CHECK (merged_into IS NULL OR (merged_into <> code AND closed_on IS NOT NULL))
);
CREATE UNIQUE INDEX branches_code_lower ON branches (town_id, lower(code));
CREATE UNIQUE INDEX branches_statistical_code ON branches (town_id, statistical_code);

-- What a branch is called and counted as, from a day on until the next row.
CREATE TABLE branch_profiles (
    town_id text NOT NULL,
    branch_code text NOT NULL,
    valid_from text NOT NULL CHECK (length(valid_from) = 10),
    name_zh text NOT NULL,
    name_en text NOT NULL,
    kind text NOT NULL,
    class text,
    reason text NOT NULL,
    known_from DATETIME NOT NULL,
    PRIMARY KEY (town_id, branch_code, valid_from),
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, kind) REFERENCES kinds (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, class) REFERENCES classes (town_id, code) ON DELETE RESTRICT
);

-- What other systems call a branch. Two codes are one where they read alike, in whatever
-- letter case: the keys are what they share.
CREATE TABLE branch_codes (
    town_id text NOT NULL,
    branch_code text NOT NULL,
    system_key text NOT NULL CHECK (length(system_key) BETWEEN 1 AND 64),
    code_key text NOT NULL CHECK (length(code_key) BETWEEN 1 AND 64),
    system text NOT NULL CHECK (length(system) BETWEEN 1 AND 64),
    code text NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
    PRIMARY KEY (town_id, branch_code, system_key),
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX branch_codes_system_code ON branch_codes (town_id, system_key, code_key);

-- Sub-branches (经济社党支部) are listed, not scored.
CREATE TABLE sub_branches (
    town_id text NOT NULL,
    branch_code text NOT NULL,
    code text NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
    name_zh text NOT NULL,
    name_en text NOT NULL,
    founded_on text CHECK (length(founded_on) = 10),
    closed_on text CHECK (length(closed_on) = 10),
    provenance text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, branch_code, code),
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX sub_branches_code_lower ON sub_branches (town_id, branch_code, lower(code));
