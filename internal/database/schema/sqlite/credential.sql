-- Who may enter. What is here belongs to the installation, not to a town:
-- it is looked up before any town is known.

-- A key has one role or several and opens the towns of its list (none = every
-- town) and, of its one town, the branches of its list (none = all that the role
-- reaches). Lists are JSON: they are written once and read whole.
CREATE TABLE keys (
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

-- An account of a person holds that person's roles; any other one has roles of its
-- own, a JSON list.
CREATE TABLE accounts (
    name text NOT NULL PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 64),
    only_town text REFERENCES towns (code) ON DELETE RESTRICT,
    person_code text CHECK (person_code IS NULL OR only_town IS NOT NULL),
    roles text NOT NULL,
    password_hash text NOT NULL,
    must_change boolean NOT NULL CHECK (typeof(must_change) IN ('integer')),
    issuer text,
    subject text CHECK ((subject IS NULL) = (issuer IS NULL)),
    disabled_at DATETIME,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    UNIQUE (issuer, subject),
    FOREIGN KEY (only_town, person_code) REFERENCES people (town_id, code) ON DELETE RESTRICT
);

-- A session is good for one version of its account: any change of the account
-- ends it. Only the hash of its secret is stored.
CREATE TABLE sessions (
    secret_hash text NOT NULL PRIMARY KEY CHECK (length(secret_hash) = 64),
    account_name text NOT NULL REFERENCES accounts (name) ON DELETE RESTRICT,
    account_version INTEGER NOT NULL CHECK (typeof(account_version) IN ('integer')),
    created_at DATETIME NOT NULL,
    seen_at DATETIME NOT NULL,
    ends_at DATETIME NOT NULL
);
CREATE INDEX sessions_account ON sessions (account_name);
CREATE INDEX sessions_end ON sessions (ends_at);

-- Tokens for making the first administrator.
CREATE TABLE setup_tokens (
    secret_hash text NOT NULL PRIMARY KEY CHECK (length(secret_hash) = 64),
    created_at DATETIME NOT NULL,
    ends_at DATETIME NOT NULL
);

-- A right to decide in a town that was given to somebody after the town had published: a
-- role, a key, an account, a password or an outside sign-in. It works once two of those
-- who decide there stand behind it, or after some time where nobody is left.
CREATE TABLE deciding_rights (
    town_id text NOT NULL REFERENCES towns (code) ON DELETE RESTRICT,
    id text NOT NULL CHECK (length(id) = 36),
    kind text NOT NULL CHECK (kind IN ('appointment', 'key', 'account', 'password', 'sign_in')),
    subject text NOT NULL CHECK (length(subject) > 0),
    person_code text NOT NULL,
    given_by text NOT NULL,
    state text NOT NULL CHECK (state IN ('pending', 'seconded', 'acknowledged', 'rejected', 'alone', 'superseded')),
    seconded_by text NOT NULL,
    decided_by text NOT NULL,
    decided_at DATETIME,
    reason text NOT NULL,
    works_from DATETIME,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, person_code) REFERENCES people (town_id, code) ON DELETE RESTRICT,
    CHECK (state <> 'alone' OR works_from IS NOT NULL)
);
CREATE INDEX deciding_rights_subject ON deciding_rights (town_id, subject);
