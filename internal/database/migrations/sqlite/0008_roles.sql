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

-- Liaison offices (挂钩办), their members and the branches that they are linked to,
-- many to many, each from a day until a day.
CREATE TABLE offices (
    town_id text NOT NULL REFERENCES towns (code) ON DELETE RESTRICT,
    code text NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
    name_zh text NOT NULL,
    name_en text NOT NULL,
    provenance text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, code)
);
CREATE TABLE office_members (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    office_code text NOT NULL,
    person_code text NOT NULL,
    valid_from text NOT NULL CHECK (length(valid_from) = 10),
    valid_until text CHECK (length(valid_until) = 10 AND valid_from <= valid_until),
    reason text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, office_code) REFERENCES offices (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, person_code) REFERENCES people (town_id, code) ON DELETE RESTRICT
);
CREATE INDEX office_members_person ON office_members (town_id, person_code);
CREATE INDEX office_members_office ON office_members (town_id, office_code);
CREATE TABLE office_links (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    office_code text NOT NULL,
    branch_code text NOT NULL,
    valid_from text NOT NULL CHECK (length(valid_from) = 10),
    valid_until text CHECK (length(valid_until) = 10 AND valid_from <= valid_until),
    reason text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, office_code) REFERENCES offices (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT
);
CREATE INDEX office_links_office ON office_links (town_id, office_code);
CREATE INDEX office_links_branch ON office_links (town_id, branch_code);

-- Offices take the place of the duty serves: whoever had it becomes an office of
-- one member.
INSERT INTO offices
SELECT town_id, code, name_zh, name_en, provenance, 1, created_at, updated_at
FROM people p WHERE EXISTS (SELECT 1 FROM assignments a WHERE a.town_id = p.town_id AND a.person_code = p.code AND a.duty = 'serves');
INSERT INTO office_members
SELECT town_id, min(id), person_code, person_code, min(valid_from), CASE WHEN count(valid_until) = count(*) THEN max(valid_until) END, '', 1, min(created_at), max(updated_at)
FROM assignments WHERE duty = 'serves' GROUP BY town_id, person_code;
INSERT INTO office_links
SELECT town_id, id, person_code, branch_code, valid_from, valid_until, reason, version, created_at, updated_at
FROM assignments WHERE duty = 'serves';
DELETE FROM assignments WHERE duty = 'serves';

-- An exclusive assignment leaves the duty for its branch to one person.
CREATE TABLE new_assignments (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    person_code text NOT NULL,
    branch_code text NOT NULL,
    duty text NOT NULL CHECK (duty IN ('leads', 'mentors', 'instructs')),
    exclusive boolean NOT NULL CHECK (typeof(exclusive) IN ('integer')),
    valid_from text NOT NULL CHECK (length(valid_from) = 10),
    valid_until text CHECK (length(valid_until) = 10 AND valid_from <= valid_until),
    reason text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, person_code) REFERENCES people (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT
);
INSERT INTO new_assignments
SELECT town_id, id, person_code, branch_code, duty, 0, valid_from, valid_until, reason, version, created_at, updated_at FROM assignments;
DROP TABLE assignments;
ALTER TABLE new_assignments RENAME TO assignments;
CREATE INDEX assignments_person ON assignments (town_id, person_code);
CREATE INDEX assignments_branch ON assignments (town_id, branch_code);

-- +goose Down
DROP TABLE appointments;
-- Offices have no place in the old schema: their links go.
DROP TABLE office_links;
DROP TABLE office_members;
DROP TABLE offices;
CREATE TABLE old_assignments (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    person_code text NOT NULL,
    branch_code text NOT NULL,
    duty text NOT NULL CHECK (duty IN ('leads', 'mentors', 'instructs', 'serves')),
    valid_from text NOT NULL CHECK (length(valid_from) = 10),
    valid_until text CHECK (length(valid_until) = 10 AND valid_from <= valid_until),
    reason text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, person_code) REFERENCES people (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT
);
INSERT INTO old_assignments
SELECT town_id, id, person_code, branch_code, duty, valid_from, valid_until, reason, version, created_at, updated_at FROM assignments;
DROP TABLE assignments;
ALTER TABLE old_assignments RENAME TO assignments;
CREATE INDEX assignments_person ON assignments (town_id, person_code);
CREATE INDEX assignments_branch ON assignments (town_id, branch_code);
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
