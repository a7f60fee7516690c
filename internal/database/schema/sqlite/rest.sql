-- What the HTTP interface keeps for itself.

-- What a request with an Idempotency-Key was answered, so that it can be sent
-- again. It belongs to a credential, not to a town, and is removed after a while.
CREATE TABLE kept_answers (
    credential text NOT NULL CHECK (length(credential) > 0),
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 128),
    fingerprint text NOT NULL CHECK (length(fingerprint) = 64),
    status INTEGER NOT NULL CHECK (status = 0 OR status BETWEEN 200 AND 299) CHECK (typeof(status) IN ('integer')),
    header text NOT NULL,
    body text NOT NULL,
    created_at DATETIME NOT NULL,
    PRIMARY KEY (credential, key)
);
CREATE INDEX kept_answers_created_at ON kept_answers (created_at);
