-- Who may enter. What is here belongs to the installation, not to a town:
-- it is looked up before any town is known.

-- A key has one role or several and opens the towns of its list (none = every
-- town) and, of its one town, the branches of its list (none = all that the role
-- reaches). Lists are JSON: they are written once and read whole.
CREATE TABLE keys (
    prefix text COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(prefix) BETWEEN 8 AND 24),
    secret_hash text COLLATE "C" NOT NULL CHECK (length(secret_hash) = 64),
    roles text COLLATE "C" NOT NULL CHECK (length(roles) > 2),
    towns text COLLATE "C" NOT NULL CHECK (length(towns) >= 2),
    branches text COLLATE "C" NOT NULL CHECK (length(branches) >= 2),
    person_town text COLLATE "C",
    person_code text COLLATE "C" CHECK ((person_code IS NULL) = (person_town IS NULL)),
    read_only boolean NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    created_at timestamptz NOT NULL,
    FOREIGN KEY (person_town, person_code) REFERENCES people (town_id, code) ON DELETE RESTRICT
);

-- An account of a person holds that person's roles; any other one has roles of its
-- own, a JSON list.
CREATE TABLE accounts (
    name text COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 64),
    only_town text COLLATE "C" REFERENCES towns (code) ON DELETE RESTRICT,
    person_code text COLLATE "C" CHECK (person_code IS NULL OR only_town IS NOT NULL),
    roles text COLLATE "C" NOT NULL,
    password_hash text COLLATE "C" NOT NULL,
    must_change boolean NOT NULL,
    issuer text COLLATE "C",
    subject text COLLATE "C" CHECK ((subject IS NULL) = (issuer IS NULL)),
    disabled_at timestamptz,
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (issuer, subject),
    FOREIGN KEY (only_town, person_code) REFERENCES people (town_id, code) ON DELETE RESTRICT
);

-- A session is good for one version of its account: any change of the account
-- ends it. Only the hash of its secret is stored.
CREATE TABLE sessions (
    secret_hash text COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(secret_hash) = 64),
    account_name text COLLATE "C" NOT NULL REFERENCES accounts (name) ON DELETE RESTRICT,
    account_version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL
);
CREATE INDEX sessions_account ON sessions (account_name);
CREATE INDEX sessions_end ON sessions (ends_at);

-- Tokens for making the first administrator.
CREATE TABLE setup_tokens (
    secret_hash text COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(secret_hash) = 64),
    created_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL
);

-- A right to decide in a town that was given to somebody after the town had published: a
-- role, a key, an account, a password or an outside sign-in. It works once two of those
-- who decide there stand behind it, or after some time where nobody is left.
CREATE TABLE deciding_rights (
    town_id text COLLATE "C" NOT NULL REFERENCES towns (code) ON DELETE RESTRICT,
    id text COLLATE "C" NOT NULL CHECK (length(id) = 36),
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('appointment', 'key', 'account', 'password', 'sign_in')),
    subject text COLLATE "C" NOT NULL CHECK (length(subject) > 0),
    person_code text COLLATE "C" NOT NULL,
    given_by text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (state IN ('pending', 'seconded', 'acknowledged', 'rejected', 'alone', 'superseded')),
    seconded_by text COLLATE "C" NOT NULL,
    decided_by text COLLATE "C" NOT NULL,
    decided_at timestamptz,
    reason text COLLATE "C" NOT NULL,
    works_from timestamptz,
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, person_code) REFERENCES people (town_id, code) ON DELETE RESTRICT,
    CHECK (state <> 'alone' OR works_from IS NOT NULL)
);
CREATE INDEX deciding_rights_subject ON deciding_rights (town_id, subject);
