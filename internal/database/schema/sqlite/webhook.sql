-- Addresses outside to which events are sent.

-- A webhook with the secret that signs what is sent to it, and for some time the one before.
CREATE TABLE webhooks (
    town_id text NOT NULL REFERENCES towns (code) ON DELETE RESTRICT,
    id text NOT NULL CHECK (length(id) = 36),
    url text NOT NULL CHECK (length(url) BETWEEN 8 AND 2000),
    description text NOT NULL,
    types text NOT NULL CHECK (length(types) >= 2), -- JSON
    role text NOT NULL CHECK (role IN ('reader', 'leading_group', 'leadership')),
    secret text NOT NULL CHECK (length(secret) > 32),
    old_secret text NOT NULL,
    old_secret_until DATETIME,
    state text NOT NULL CHECK (state IN ('enabled', 'disabled')),
    state_reason text NOT NULL CHECK (state_reason IN ('', 'gone', 'failing', 'by_hand')),
    state_at DATETIME NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    CHECK ((state = 'enabled') = (state_reason = '')),
    CHECK (old_secret_until IS NULL OR length(old_secret) > 32)
);

-- How far the events of the town have been sent to a webhook, and which process sends to it
-- now. A backup leaves it out: a restored database sends nothing until somebody says so.
CREATE TABLE webhook_deliveries (
    town_id text NOT NULL,
    webhook_id text NOT NULL,
    sequence INTEGER NOT NULL CHECK (sequence >= 0) CHECK (typeof(sequence) IN ('integer')),
    failures INTEGER NOT NULL CHECK (failures >= 0) CHECK (typeof(failures) IN ('integer')),
    failing_since DATETIME,
    next_at DATETIME NOT NULL,
    ping boolean NOT NULL CHECK (typeof(ping) IN ('integer')),
    delivered_at DATETIME,
    lease text NOT NULL,
    leased_until DATETIME,
    PRIMARY KEY (town_id, webhook_id),
    FOREIGN KEY (town_id, webhook_id) REFERENCES webhooks (town_id, id) ON DELETE RESTRICT
);

-- The last requests that were sent to a webhook.
CREATE TABLE webhook_attempts (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    webhook_id text NOT NULL,
    at DATETIME NOT NULL,
    event_id text NOT NULL CHECK (length(event_id) = 36),
    type text NOT NULL,
    sequence INTEGER NOT NULL CHECK (sequence >= 0) CHECK (typeof(sequence) IN ('integer')),
    status INTEGER NOT NULL CHECK (status >= 0) CHECK (typeof(status) IN ('integer')),
    millis INTEGER NOT NULL CHECK (typeof(millis) IN ('integer')),
    failure text NOT NULL CHECK (failure IN ('', 'status', 'redirect', 'gone', 'timeout', 'connection', 'address_closed')),
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, webhook_id) REFERENCES webhooks (town_id, id) ON DELETE RESTRICT
);
CREATE INDEX webhook_attempts_webhook ON webhook_attempts (town_id, webhook_id, id);
