-- Who serves in a town, in which role, and for which branch.
-- Every tie holds from a day until a day, both included; no end means until further notice.
-- One that was entered by mistake is cancelled: it holds on no day. Conflicts of interest count the days
-- before all the same, unless a second person confirms the cancellation.

-- Persons as the town knows them. Who may sign in is in credential.sql. One that is pseudonymised
-- has a pseudonym for a name.
CREATE TABLE people (
    town_id text NOT NULL REFERENCES towns (code) ON DELETE RESTRICT,
    code text NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
    name_zh text NOT NULL,
    name_en text NOT NULL,
    provenance text NOT NULL,
    salt text NOT NULL DEFAULT '',
    pseudonymised_at DATETIME,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, code)
);
CREATE UNIQUE INDEX people_code_lower ON people (town_id, lower(code));

-- What other systems call a person, until he or she is pseudonymised; see branch_codes.
-- The salt is of the digests of the code in row records.
CREATE TABLE person_codes (
    town_id text NOT NULL,
    person_code text NOT NULL,
    system_key text NOT NULL CHECK (length(system_key) BETWEEN 1 AND 64),
    code_key text NOT NULL CHECK (length(code_key) BETWEEN 1 AND 64),
    system text NOT NULL CHECK (length(system) BETWEEN 1 AND 64),
    code text NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
    salt text NOT NULL,
    PRIMARY KEY (town_id, person_code, system_key),
    FOREIGN KEY (town_id, person_code) REFERENCES people (town_id, code) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX person_codes_system_code ON person_codes (town_id, system_key, code_key);

-- Which role a person holds. A mentor is appointed by letter (聘书) and for a term.
-- Nobody is appointed to run the installation.
CREATE TABLE appointments (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    person_code text NOT NULL,
    role text NOT NULL CHECK (role IN ('reader', 'secretary', 'mentor', 'instructor', 'liaison_office', 'leading_group', 'leadership')),
    letter text NOT NULL,
    valid_from text NOT NULL CHECK (length(valid_from) = 10),
    valid_until text CHECK (length(valid_until) = 10 AND valid_from <= valid_until),
    reason text NOT NULL,
    cancelled_at DATETIME,
    cancelled_by text NOT NULL DEFAULT '',
    cancel_reason text NOT NULL DEFAULT '',
    cancel_confirmed_by text NOT NULL DEFAULT '',
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    CHECK (cancelled_at IS NOT NULL OR (cancelled_by = '' AND cancel_confirmed_by = '')),
    CHECK (cancel_confirmed_by = '' OR (cancelled_by <> '' AND cancel_confirmed_by <> cancelled_by)),
    CHECK (person_code NOT IN (cancelled_by, cancel_confirmed_by)),
    CHECK (role <> 'mentor' OR (letter <> '' AND valid_until IS NOT NULL)),
    FOREIGN KEY (town_id, person_code) REFERENCES people (town_id, code) ON DELETE RESTRICT
);
CREATE INDEX appointments_person ON appointments (town_id, person_code);

-- Who leads, mentors or instructs which branch. An exclusive assignment leaves the
-- duty for its branch to one person. Visits and reports are due from the day duties_from on.
CREATE TABLE assignments (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    person_code text NOT NULL,
    branch_code text NOT NULL,
    duty text NOT NULL CHECK (duty IN ('leads', 'mentors', 'instructs')),
    exclusive boolean NOT NULL CHECK (typeof(exclusive) IN ('integer')),
    valid_from text NOT NULL CHECK (length(valid_from) = 10),
    valid_until text CHECK (length(valid_until) = 10 AND valid_from <= valid_until),
    duties_from text CHECK (length(duties_from) = 10 AND valid_from <= duties_from),
    reason text NOT NULL,
    cancelled_at DATETIME,
    cancelled_by text NOT NULL DEFAULT '',
    cancel_reason text NOT NULL DEFAULT '',
    cancel_confirmed_by text NOT NULL DEFAULT '',
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    CHECK (cancelled_at IS NOT NULL OR (cancelled_by = '' AND cancel_confirmed_by = '')),
    CHECK (cancel_confirmed_by = '' OR (cancelled_by <> '' AND cancel_confirmed_by <> cancelled_by)),
    CHECK (person_code NOT IN (cancelled_by, cancel_confirmed_by)),
    FOREIGN KEY (town_id, person_code) REFERENCES people (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT
);
CREATE INDEX assignments_person ON assignments (town_id, person_code);
CREATE INDEX assignments_branch ON assignments (town_id, branch_code);

-- Liaison offices (挂钩办), their members and the branches that they are linked to,
-- many to many.
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
CREATE UNIQUE INDEX offices_code_lower ON offices (town_id, lower(code));

CREATE TABLE office_members (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    office_code text NOT NULL,
    person_code text NOT NULL,
    valid_from text NOT NULL CHECK (length(valid_from) = 10),
    valid_until text CHECK (length(valid_until) = 10 AND valid_from <= valid_until),
    reason text NOT NULL,
    cancelled_at DATETIME,
    cancelled_by text NOT NULL DEFAULT '',
    cancel_reason text NOT NULL DEFAULT '',
    cancel_confirmed_by text NOT NULL DEFAULT '',
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    CHECK (cancelled_at IS NOT NULL OR (cancelled_by = '' AND cancel_confirmed_by = '')),
    CHECK (cancel_confirmed_by = '' OR (cancelled_by <> '' AND cancel_confirmed_by <> cancelled_by)),
    CHECK (person_code NOT IN (cancelled_by, cancel_confirmed_by)),
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
    cancelled_at DATETIME,
    cancelled_by text NOT NULL DEFAULT '',
    cancel_reason text NOT NULL DEFAULT '',
    cancel_confirmed_by text NOT NULL DEFAULT '',
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    CHECK (cancelled_at IS NOT NULL OR (cancelled_by = '' AND cancel_confirmed_by = '')),
    CHECK (cancel_confirmed_by = '' OR (cancelled_by <> '' AND cancel_confirmed_by <> cancelled_by)),
    FOREIGN KEY (town_id, office_code) REFERENCES offices (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT
);
CREATE INDEX office_links_office ON office_links (town_id, office_code);
CREATE INDEX office_links_branch ON office_links (town_id, branch_code);
