-- What waits for a second person before it is published.

-- What one person has proposed to publish, until another one confirms or rejects it. It
-- pins what it is about, and lapses when that no longer holds. Only its state changes,
-- and nothing once it is decided. A period has one open proposal at a time.
CREATE TABLE proposals (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    period_code text NOT NULL,
    action text NOT NULL CHECK (action IN ('publish', 'amend', 'withdraw')),
    state text NOT NULL CHECK (state IN ('open', 'confirmed', 'rejected', 'lapsed', 'withdrawn')),
    publication_number INTEGER NOT NULL CHECK (publication_number > 0) CHECK (typeof(publication_number) IN ('integer')),
    run_id text,
    appeal_id text,
    branch_code text,
    data_hash text NOT NULL CHECK (length(data_hash) = 64),
    result_hash text NOT NULL CHECK (length(result_hash) = 64),
    corrections text NOT NULL CHECK (json_valid(corrections)),
    touched text NOT NULL CHECK (json_valid(touched)),
    until text CHECK (length(until) = 10),
    forced boolean NOT NULL CHECK (typeof(forced) IN ('integer')),
    reason text NOT NULL,
    proposed_by text NOT NULL CHECK (length(proposed_by) > 0),
    decided_by text NOT NULL,
    decided_at DATETIME,
    decision_reason text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
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
CREATE TRIGGER proposals_pinned_update BEFORE UPDATE ON proposals WHEN OLD.state <> 'open'
    OR NEW.town_id IS NOT OLD.town_id
    OR NEW.id IS NOT OLD.id
    OR NEW.period_code IS NOT OLD.period_code
    OR NEW.action IS NOT OLD.action
    OR NEW.publication_number IS NOT OLD.publication_number
    OR NEW.run_id IS NOT OLD.run_id
    OR NEW.appeal_id IS NOT OLD.appeal_id
    OR NEW.branch_code IS NOT OLD.branch_code
    OR NEW.data_hash IS NOT OLD.data_hash
    OR NEW.result_hash IS NOT OLD.result_hash
    OR NEW.corrections IS NOT OLD.corrections
    OR NEW.touched IS NOT OLD.touched
    OR NEW.until IS NOT OLD.until
    OR NEW.forced IS NOT OLD.forced
    OR NEW.reason IS NOT OLD.reason
    OR NEW.proposed_by IS NOT OLD.proposed_by
    OR NEW.created_at IS NOT OLD.created_at
BEGIN
    SELECT RAISE(ABORT, 'rows of proposals are immutable');
END;
CREATE TRIGGER proposals_pinned_delete BEFORE DELETE ON proposals BEGIN
    SELECT RAISE(ABORT, 'rows of proposals are immutable');
END;
