-- +goose Up

-- A key has one role or several and opens the towns of its list (none = every
-- town) and, of its one town, the branches of its list (none = all that the role
-- reaches). Lists are JSON: they are written once and read whole.
ALTER TABLE keys
    ADD COLUMN roles text COLLATE "C" CHECK (length(roles) > 2),
    ADD COLUMN towns text COLLATE "C" CHECK (length(towns) >= 2),
    ADD COLUMN branches text COLLATE "C" CHECK (length(branches) >= 2),
    ADD COLUMN person_town text COLLATE "C",
    ADD COLUMN last_used_at timestamptz;
UPDATE keys SET roles = '["' || role || '"]', towns = CASE WHEN only_town IS NULL THEN '[]' ELSE '["' || only_town || '"]' END, branches = '[]',
    person_town = CASE WHEN person_code IS NOT NULL THEN only_town END;
ALTER TABLE keys
    ALTER COLUMN roles SET NOT NULL,
    ALTER COLUMN towns SET NOT NULL,
    ALTER COLUMN branches SET NOT NULL,
    DROP COLUMN only_town,
    DROP COLUMN role,
    ADD CHECK ((person_code IS NULL) = (person_town IS NULL)),
    ADD FOREIGN KEY (person_town, person_code) REFERENCES people (town_id, code) ON DELETE RESTRICT;

-- Which role a person holds, from a day until a day (both included; no end =
-- until further notice). A mentor is appointed by letter (聘书) and for a term. Nobody
-- is appointed to run the installation.
CREATE TABLE appointments (
    town_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL CHECK (length(id) = 36),
    person_code text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL CHECK (role IN ('reader', 'secretary', 'mentor', 'instructor', 'liaison_office', 'leading_group', 'leadership')),
    letter text COLLATE "C" NOT NULL,
    valid_from text COLLATE "C" NOT NULL CHECK (length(valid_from) = 10),
    valid_until text COLLATE "C" CHECK (length(valid_until) = 10 AND valid_from <= valid_until),
    reason text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (town_id, id),
    CHECK (role <> 'mentor' OR (letter <> '' AND valid_until IS NOT NULL)),
    FOREIGN KEY (town_id, person_code) REFERENCES people (town_id, code) ON DELETE RESTRICT
);
CREATE INDEX appointments_person ON appointments (town_id, person_code);

-- Liaison offices (挂钩办), their members and the branches that they are linked to,
-- many to many, each from a day until a day.
CREATE TABLE offices (
    town_id text COLLATE "C" NOT NULL REFERENCES towns (code) ON DELETE RESTRICT,
    code text COLLATE "C" NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
    name_zh text COLLATE "C" NOT NULL,
    name_en text COLLATE "C" NOT NULL,
    provenance text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (town_id, code)
);
CREATE TABLE office_members (
    town_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL CHECK (length(id) = 36),
    office_code text COLLATE "C" NOT NULL,
    person_code text COLLATE "C" NOT NULL,
    valid_from text COLLATE "C" NOT NULL CHECK (length(valid_from) = 10),
    valid_until text COLLATE "C" CHECK (length(valid_until) = 10 AND valid_from <= valid_until),
    reason text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, office_code) REFERENCES offices (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, person_code) REFERENCES people (town_id, code) ON DELETE RESTRICT
);
CREATE INDEX office_members_person ON office_members (town_id, person_code);
CREATE INDEX office_members_office ON office_members (town_id, office_code);
CREATE TABLE office_links (
    town_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL CHECK (length(id) = 36),
    office_code text COLLATE "C" NOT NULL,
    branch_code text COLLATE "C" NOT NULL,
    valid_from text COLLATE "C" NOT NULL CHECK (length(valid_from) = 10),
    valid_until text COLLATE "C" CHECK (length(valid_until) = 10 AND valid_from <= valid_until),
    reason text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
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
ALTER TABLE assignments
    DROP CONSTRAINT assignments_duty_check,
    ADD CHECK (duty IN ('leads', 'mentors', 'instructs')),
    ADD COLUMN exclusive boolean NOT NULL DEFAULT false;
ALTER TABLE assignments ALTER COLUMN exclusive DROP DEFAULT;

-- +goose Down
DROP TABLE appointments;
-- Offices have no place in the old schema: their links go.
DROP TABLE office_links;
DROP TABLE office_members;
DROP TABLE offices;
ALTER TABLE assignments
    DROP CONSTRAINT assignments_duty_check,
    ADD CHECK (duty IN ('leads', 'mentors', 'instructs', 'serves')),
    DROP COLUMN exclusive;
-- A key of several roles or towns, or of branches, cannot be told in the old words.
DELETE FROM keys WHERE json_array_length(roles::json) <> 1 OR json_array_length(towns::json) > 1 OR branches <> '[]';
ALTER TABLE keys
    ADD COLUMN only_town text COLLATE "C" REFERENCES towns (code) ON DELETE RESTRICT,
    ADD COLUMN role text COLLATE "C" CHECK (role IN ('reader', 'secretary', 'mentor', 'instructor', 'liaison_office', 'leading_group', 'leadership', 'admin'));
UPDATE keys SET only_town = towns::json ->> 0, role = roles::json ->> 0;
ALTER TABLE keys
    ALTER COLUMN role SET NOT NULL,
    DROP COLUMN roles, DROP COLUMN towns, DROP COLUMN branches, DROP COLUMN person_town, DROP COLUMN last_used_at,
    ADD FOREIGN KEY (only_town, person_code) REFERENCES people (town_id, code) ON DELETE RESTRICT;
