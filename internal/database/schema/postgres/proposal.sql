-- What waits for a second person before it is published.

-- What one person has proposed to publish, until another one confirms or rejects it. It
-- pins what it is about, and lapses when that no longer holds. Only its state changes,
-- and nothing once it is decided. A period has one open proposal at a time.
CREATE TABLE proposals (
    town_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL CHECK (length(id) = 36),
    period_code text COLLATE "C" NOT NULL,
    action text COLLATE "C" NOT NULL CHECK (action IN ('publish', 'amend', 'withdraw')),
    state text COLLATE "C" NOT NULL CHECK (state IN ('open', 'confirmed', 'rejected', 'lapsed', 'withdrawn')),
    publication_number bigint NOT NULL CHECK (publication_number > 0),
    run_id text COLLATE "C",
    appeal_id text COLLATE "C",
    branch_code text COLLATE "C",
    data_hash text COLLATE "C" NOT NULL CHECK (length(data_hash) = 64),
    result_hash text COLLATE "C" NOT NULL CHECK (length(result_hash) = 64),
    corrections text COLLATE "C" NOT NULL,
    touched text COLLATE "C" NOT NULL,
    until text COLLATE "C" CHECK (length(until) = 10),
    forced boolean NOT NULL,
    reason text COLLATE "C" NOT NULL,
    proposed_by text COLLATE "C" NOT NULL CHECK (length(proposed_by) > 0),
    decided_by text COLLATE "C" NOT NULL,
    decided_at timestamptz,
    decision_reason text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, period_code) REFERENCES periods (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, run_id) REFERENCES runs (town_id, id) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, appeal_id) REFERENCES appeals (town_id, id) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    CHECK ((action = 'amend') = (run_id IS NULL)),
    CHECK ((appeal_id IS NULL) = (branch_code IS NULL)),
    CHECK ((state = 'open') = (decided_at IS NULL)),
    CHECK (state NOT IN ('confirmed', 'rejected') OR decided_by <> proposed_by)
);
CREATE UNIQUE INDEX proposals_one_open ON proposals (town_id, period_code) WHERE state = 'open';
CREATE TRIGGER proposals_pinned BEFORE UPDATE ON proposals FOR EACH ROW WHEN (
    OLD.state <> 'open'
    OR (NEW.town_id, NEW.id, NEW.period_code, NEW.action, NEW.publication_number, NEW.run_id, NEW.appeal_id, NEW.branch_code, NEW.data_hash, NEW.result_hash, NEW.corrections, NEW.touched, NEW.until, NEW.forced, NEW.reason, NEW.proposed_by, NEW.created_at)
    IS DISTINCT FROM (OLD.town_id, OLD.id, OLD.period_code, OLD.action, OLD.publication_number, OLD.run_id, OLD.appeal_id, OLD.branch_code, OLD.data_hash, OLD.result_hash, OLD.corrections, OLD.touched, OLD.until, OLD.forced, OLD.reason, OLD.proposed_by, OLD.created_at)
) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER proposals_pinned_delete BEFORE DELETE ON proposals FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER proposals_kept BEFORE TRUNCATE ON proposals FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
