-- Files that show what is entered, done or claimed (佐证). The files themselves are in the store.

-- A file at a value of a sheet, a plan item, a visit, a problem, a case or an appeal. What was received and what is
-- stored are named by their SHA-256. Only its removal changes a row: then the row stays and the file goes.
CREATE TABLE evidence (
    town_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL CHECK (length(id) = 36),
    evaluation_id text COLLATE "C",
    indicator text COLLATE "C" NOT NULL,
    plan_item_id text COLLATE "C",
    visit_id text COLLATE "C",
    problem_id text COLLATE "C",
    case_id text COLLATE "C",
    appeal_id text COLLATE "C",
    name text COLLATE "C" NOT NULL CHECK (length(name) > 0),
    media_type text COLLATE "C" NOT NULL CHECK (media_type IN (
        'image/jpeg', 'application/pdf',
        'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
        'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
        'application/vnd.openxmlformats-officedocument.presentationml.presentation',
        'application/vnd.oasis.opendocument.text', 'application/vnd.oasis.opendocument.spreadsheet',
        'application/vnd.oasis.opendocument.presentation', 'application/ofd',
        'application/msword', 'application/vnd.ms-excel', 'application/vnd.ms-powerpoint'
    )),
    bytes bigint NOT NULL CHECK (bytes > 0),
    sha256 text COLLATE "C" NOT NULL CHECK (length(sha256) = 64),
    width bigint CHECK (width > 0),
    height bigint CHECK (height > 0),
    received_bytes bigint NOT NULL CHECK (received_bytes > 0),
    received_sha256 text COLLATE "C" NOT NULL CHECK (length(received_sha256) = 64),
    added_by text COLLATE "C" NOT NULL CHECK (length(added_by) > 0),
    added_role text COLLATE "C" NOT NULL,
    removed_at timestamptz,
    removed_by text COLLATE "C" NOT NULL,
    removed_reason text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
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
CREATE TRIGGER evidence_fixed BEFORE UPDATE ON evidence FOR EACH ROW WHEN (
    OLD.removed_at IS NOT NULL
    OR (NEW.town_id, NEW.id, NEW.evaluation_id, NEW.indicator, NEW.plan_item_id, NEW.visit_id, NEW.problem_id, NEW.case_id, NEW.appeal_id, NEW.name, NEW.media_type, NEW.bytes, NEW.sha256, NEW.width, NEW.height, NEW.received_bytes, NEW.received_sha256, NEW.added_by, NEW.added_role, NEW.created_at)
    IS DISTINCT FROM (OLD.town_id, OLD.id, OLD.evaluation_id, OLD.indicator, OLD.plan_item_id, OLD.visit_id, OLD.problem_id, OLD.case_id, OLD.appeal_id, OLD.name, OLD.media_type, OLD.bytes, OLD.sha256, OLD.width, OLD.height, OLD.received_bytes, OLD.received_sha256, OLD.added_by, OLD.added_role, OLD.created_at)
) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER evidence_fixed_delete BEFORE DELETE ON evidence FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER evidence_kept BEFORE TRUNCATE ON evidence FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Files that may be in the store although no evidence needs them: those being received, those that a crash has left
-- behind and those whose evidence was removed. A job deletes them a day later.
CREATE TABLE loose_files (
    town_id text COLLATE "C" NOT NULL,
    file text COLLATE "C" NOT NULL CHECK (length(file) > 0),
    since timestamptz NOT NULL,
    PRIMARY KEY (town_id, file),
    FOREIGN KEY (town_id) REFERENCES towns (code) ON DELETE RESTRICT
);
CREATE INDEX loose_files_since ON loose_files (since);
