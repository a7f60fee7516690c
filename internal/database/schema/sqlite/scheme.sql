-- What is measured, and how it becomes an index.

-- One row per version of a scheme. "number" is the version of the scheme,
-- "version" that of the row.
CREATE TABLE schemes (
    town_id text NOT NULL REFERENCES towns (code) ON DELETE RESTRICT,
    code text NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
    number INTEGER NOT NULL CHECK (number > 0) CHECK (typeof(number) IN ('integer')),
    state text NOT NULL CHECK (state IN ('draft', 'active', 'retired', 'deleted')),
    name_zh text NOT NULL,
    name_en text NOT NULL,
    document text NOT NULL,
    hash text NOT NULL CHECK (length(hash) = 64),
    activated_at DATETIME,
    retired_at DATETIME,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, code, number),
    CHECK ((state IN ('draft', 'deleted')) = (activated_at IS NULL)),
    CHECK ((state = 'retired') = (retired_at IS NOT NULL))
);
CREATE UNIQUE INDEX schemes_code_lower ON schemes (town_id, lower(code), number);
CREATE UNIQUE INDEX schemes_one_active ON schemes (town_id, code) WHERE state = 'active';
CREATE UNIQUE INDEX schemes_one_draft ON schemes (town_id, code) WHERE state = 'draft';
