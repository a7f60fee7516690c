-- Files that show what is entered, done or claimed (佐证). The files themselves are in the store.

-- A file at a value of a sheet, a plan item, a visit, a problem, a case or an appeal. What was received and what is
-- stored are named by their SHA-256. Only its removal changes a row: then the row stays and the file goes.
CREATE TABLE evidence (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    evaluation_id text,
    indicator text NOT NULL,
    plan_item_id text,
    visit_id text,
    problem_id text,
    case_id text,
    appeal_id text,
    name text NOT NULL CHECK (length(name) > 0),
    media_type text NOT NULL CHECK (media_type IN (
        'image/jpeg', 'application/pdf',
        'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
        'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
        'application/vnd.openxmlformats-officedocument.presentationml.presentation',
        'application/vnd.oasis.opendocument.text', 'application/vnd.oasis.opendocument.spreadsheet',
        'application/vnd.oasis.opendocument.presentation', 'application/ofd',
        'application/msword', 'application/vnd.ms-excel', 'application/vnd.ms-powerpoint'
    )),
    bytes INTEGER NOT NULL CHECK (bytes > 0) CHECK (typeof(bytes) IN ('integer')),
    sha256 text NOT NULL CHECK (length(sha256) = 64),
    width INTEGER CHECK (width > 0) CHECK (typeof(width) IN ('integer', 'null')),
    height INTEGER CHECK (height > 0) CHECK (typeof(height) IN ('integer', 'null')),
    received_bytes INTEGER NOT NULL CHECK (received_bytes > 0) CHECK (typeof(received_bytes) IN ('integer')),
    received_sha256 text NOT NULL CHECK (length(received_sha256) = 64),
    added_by text NOT NULL CHECK (length(added_by) > 0),
    added_role text NOT NULL,
    removed_at DATETIME,
    removed_by text NOT NULL,
    removed_reason text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, evaluation_id) REFERENCES evaluations (town_id, id) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, plan_item_id) REFERENCES plan_items (town_id, id) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, visit_id) REFERENCES visits (town_id, id) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, problem_id) REFERENCES problems (town_id, id) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, case_id) REFERENCES cases (town_id, id) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, appeal_id) REFERENCES appeals (town_id, id) ON DELETE RESTRICT,
    CHECK (CASE WHEN evaluation_id IS NULL THEN 0 ELSE 1 END
        + CASE WHEN plan_item_id IS NULL THEN 0 ELSE 1 END
        + CASE WHEN visit_id IS NULL THEN 0 ELSE 1 END
        + CASE WHEN problem_id IS NULL THEN 0 ELSE 1 END
        + CASE WHEN case_id IS NULL THEN 0 ELSE 1 END
        + CASE WHEN appeal_id IS NULL THEN 0 ELSE 1 END = 1),
    CHECK ((evaluation_id IS NULL) = (indicator = '')),
    CHECK ((media_type = 'image/jpeg') = (width IS NOT NULL) AND (width IS NULL) = (height IS NULL)),
    CHECK ((removed_at IS NULL) = (removed_by = '') AND (removed_at IS NULL) = (removed_reason = ''))
);
CREATE UNIQUE INDEX evidence_evaluation ON evidence (town_id, evaluation_id, indicator, received_sha256) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX evidence_plan_item ON evidence (town_id, plan_item_id, received_sha256) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX evidence_visit ON evidence (town_id, visit_id, received_sha256) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX evidence_problem ON evidence (town_id, problem_id, received_sha256) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX evidence_case ON evidence (town_id, case_id, received_sha256) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX evidence_appeal ON evidence (town_id, appeal_id, received_sha256) WHERE removed_at IS NULL;
CREATE INDEX evidence_file ON evidence (town_id, sha256);
CREATE TRIGGER evidence_fixed_update BEFORE UPDATE ON evidence WHEN OLD.removed_at IS NOT NULL
    OR NEW.town_id IS NOT OLD.town_id
    OR NEW.id IS NOT OLD.id
    OR NEW.evaluation_id IS NOT OLD.evaluation_id
    OR NEW.indicator IS NOT OLD.indicator
    OR NEW.plan_item_id IS NOT OLD.plan_item_id
    OR NEW.visit_id IS NOT OLD.visit_id
    OR NEW.problem_id IS NOT OLD.problem_id
    OR NEW.case_id IS NOT OLD.case_id
    OR NEW.appeal_id IS NOT OLD.appeal_id
    OR NEW.name IS NOT OLD.name
    OR NEW.media_type IS NOT OLD.media_type
    OR NEW.bytes IS NOT OLD.bytes
    OR NEW.sha256 IS NOT OLD.sha256
    OR NEW.width IS NOT OLD.width
    OR NEW.height IS NOT OLD.height
    OR NEW.received_bytes IS NOT OLD.received_bytes
    OR NEW.received_sha256 IS NOT OLD.received_sha256
    OR NEW.added_by IS NOT OLD.added_by
    OR NEW.added_role IS NOT OLD.added_role
    OR NEW.created_at IS NOT OLD.created_at
BEGIN
    SELECT RAISE(ABORT, 'rows of evidence are immutable');
END;
CREATE TRIGGER evidence_fixed_delete BEFORE DELETE ON evidence BEGIN
    SELECT RAISE(ABORT, 'rows of evidence are immutable');
END;

-- Files that may be in the store although no evidence needs them: those being received, those that a crash has left
-- behind and those whose evidence was removed. A job deletes them a day later.
CREATE TABLE loose_files (
    town_id text NOT NULL,
    file text NOT NULL CHECK (length(file) > 0),
    since DATETIME NOT NULL,
    PRIMARY KEY (town_id, file),
    FOREIGN KEY (town_id) REFERENCES towns (code) ON DELETE RESTRICT
);
CREATE INDEX loose_files_since ON loose_files (since);
