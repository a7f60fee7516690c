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

-- +goose Down
DROP TABLE appointments;
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
