-- Addresses outside to which events are sent.

-- A webhook with the secret that signs what is sent to it, and for some time the one before.
CREATE TABLE webhooks (
    town_id text COLLATE "C" NOT NULL REFERENCES towns (code) ON DELETE RESTRICT,
    id text COLLATE "C" NOT NULL CHECK (length(id) = 36),
    url text COLLATE "C" NOT NULL CHECK (length(url) BETWEEN 8 AND 2000),
    description text COLLATE "C" NOT NULL,
    types text COLLATE "C" NOT NULL CHECK (length(types) >= 2), -- JSON
    role text COLLATE "C" NOT NULL CHECK (role IN ('reader', 'leading_group', 'leadership')),
    secret text COLLATE "C" NOT NULL CHECK (length(secret) > 32),
    old_secret text COLLATE "C" NOT NULL,
    old_secret_until timestamptz,
    state text COLLATE "C" NOT NULL CHECK (state IN ('enabled', 'disabled')),
    state_reason text COLLATE "C" NOT NULL CHECK (state_reason IN ('', 'gone', 'failing', 'by_hand')),
    state_at timestamptz NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (town_id, id),
    CHECK ((state = 'enabled') = (state_reason = '')),
    CHECK (old_secret_until IS NULL OR length(old_secret) > 32)
);

-- How far the events of the town have been sent to a webhook, and which process sends to it
-- now. A backup leaves it out: a restored database sends nothing until somebody says so.
CREATE TABLE webhook_deliveries (
    town_id text COLLATE "C" NOT NULL,
    webhook_id text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL CHECK (sequence >= 0),
    failures bigint NOT NULL CHECK (failures >= 0),
    failing_since timestamptz,
    next_at timestamptz NOT NULL,
    ping boolean NOT NULL,
    delivered_at timestamptz,
    lease text COLLATE "C" NOT NULL,
    leased_until timestamptz,
    PRIMARY KEY (town_id, webhook_id),
    FOREIGN KEY (town_id, webhook_id) REFERENCES webhooks (town_id, id) ON DELETE RESTRICT
);

-- The last requests that were sent to a webhook.
CREATE TABLE webhook_attempts (
    town_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL CHECK (length(id) = 36),
    webhook_id text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    event_id text COLLATE "C" NOT NULL CHECK (length(event_id) = 36),
    type text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL CHECK (sequence >= 0),
    status bigint NOT NULL CHECK (status >= 0),
    millis bigint NOT NULL,
    failure text COLLATE "C" NOT NULL CHECK (failure IN ('', 'status', 'redirect', 'gone', 'timeout', 'connection', 'address_closed')),
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, webhook_id) REFERENCES webhooks (town_id, id) ON DELETE RESTRICT
);
CREATE INDEX webhook_attempts_webhook ON webhook_attempts (town_id, webhook_id, id);
