-- +goose Up

-- A key has one role or several and opens the towns of its list (none = every
-- town) and, of its one town, the branches of its list (none = all that the role
-- reaches). Lists are JSON: they are written once and read whole.
CREATE TABLE new_keys (
    prefix text NOT NULL PRIMARY KEY CHECK (length(prefix) BETWEEN 8 AND 24),
    secret_hash text NOT NULL CHECK (length(secret_hash) = 64),
    roles text NOT NULL CHECK (length(roles) > 2),
    towns text NOT NULL CHECK (length(towns) >= 2),
    branches text NOT NULL CHECK (length(branches) >= 2),
    person_town text,
    person_code text CHECK ((person_code IS NULL) = (person_town IS NULL)),
    read_only boolean NOT NULL CHECK (typeof(read_only) IN ('integer')),
    expires_at DATETIME,
    revoked_at DATETIME,
    last_used_at DATETIME,
    created_at DATETIME NOT NULL,
    FOREIGN KEY (person_town, person_code) REFERENCES people (town_id, code) ON DELETE RESTRICT
);
INSERT INTO new_keys
SELECT prefix, secret_hash, '["' || role || '"]', CASE WHEN only_town IS NULL THEN '[]' ELSE '["' || only_town || '"]' END, '[]',
    CASE WHEN person_code IS NOT NULL THEN only_town END, person_code, read_only, expires_at, revoked_at, NULL, created_at
FROM keys;
DROP TABLE keys;
ALTER TABLE new_keys RENAME TO keys;

-- Which role a person holds, from a day until a day (both included; no end =
-- until further notice). A mentor is appointed by letter (聘书) and for a term. Nobody
-- is appointed to run the installation.
CREATE TABLE appointments (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    person_code text NOT NULL,
    role text NOT NULL CHECK (role IN ('reader', 'secretary', 'mentor', 'instructor', 'liaison_office', 'leading_group', 'leadership')),
    letter text NOT NULL,
    valid_from text NOT NULL CHECK (length(valid_from) = 10),
    valid_until text CHECK (length(valid_until) = 10 AND valid_from <= valid_until),
    reason text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    CHECK (role <> 'mentor' OR (letter <> '' AND valid_until IS NOT NULL)),
    FOREIGN KEY (town_id, person_code) REFERENCES people (town_id, code) ON DELETE RESTRICT
);
CREATE INDEX appointments_person ON appointments (town_id, person_code);

-- +goose Down
DROP TABLE appointments;
CREATE TABLE old_keys (
    prefix text NOT NULL PRIMARY KEY CHECK (length(prefix) BETWEEN 8 AND 24),
    secret_hash text NOT NULL CHECK (length(secret_hash) = 64),
    only_town text REFERENCES towns (code) ON DELETE RESTRICT,
    person_code text,
    role text NOT NULL CHECK (role IN ('reader', 'secretary', 'mentor', 'instructor', 'liaison_office', 'leading_group', 'leadership', 'admin')),
    read_only boolean NOT NULL CHECK (typeof(read_only) IN ('integer')),
    expires_at DATETIME,
    revoked_at DATETIME,
    created_at DATETIME NOT NULL,
    FOREIGN KEY (only_town, person_code) REFERENCES people (town_id, code) ON DELETE RESTRICT
);
-- A key of several roles or towns, or of branches, cannot be told in the old words.
INSERT INTO old_keys
SELECT prefix, secret_hash, towns ->> 0, person_code, roles ->> 0, read_only, expires_at, revoked_at, created_at
FROM keys WHERE json_array_length(roles) = 1 AND json_array_length(towns) <= 1 AND branches = '[]';
DROP TABLE keys;
ALTER TABLE old_keys RENAME TO keys;
