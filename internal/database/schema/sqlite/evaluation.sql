-- The periods, and what is entered in them.

-- The calendar of a period: when sheets are entered and decided on (days of
-- Asia/Shanghai, both included; none = no limit), how long the result is on
-- public notice and how soon an appeal is answered, both in days. Whether its publications
-- take two persons is what the town had set when the period was opened.
CREATE TABLE periods (
    town_id text NOT NULL REFERENCES towns (code) ON DELETE RESTRICT,
    code text NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
    kind text NOT NULL CHECK (kind IN ('quarter', 'half_year', 'year')),
    starts_on text NOT NULL CHECK (length(starts_on) = 10),
    ends_on text NOT NULL CHECK (length(ends_on) = 10 AND starts_on <= ends_on),
    scheme_code text NOT NULL,
    scheme_number INTEGER NOT NULL CHECK (typeof(scheme_number) IN ('integer')),
    state text NOT NULL CHECK (state IN ('planned', 'open', 'review', 'locked', 'published', 'final', 'cancelled')),
    state_by text NOT NULL,
    state_at DATETIME NOT NULL,
    state_reason text NOT NULL,
    locked_at DATETIME,
    entry_from text CHECK (length(entry_from) = 10),
    entry_until text CHECK (length(entry_until) = 10),
    review_until text CHECK (length(review_until) = 10),
    notice_days INTEGER NOT NULL DEFAULT 5 CHECK (notice_days BETWEEN 0 AND 90) CHECK (typeof(notice_days) IN ('integer')),
    answer_days INTEGER NOT NULL DEFAULT 5 CHECK (answer_days BETWEEN 0 AND 90) CHECK (typeof(answer_days) IN ('integer')),
    window_by text NOT NULL DEFAULT '',
    window_at DATETIME,
    window_reason text NOT NULL DEFAULT '',
    second_person text NOT NULL CHECK (second_person IN ('required', 'none')),
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, code),
    FOREIGN KEY (town_id, scheme_code, scheme_number) REFERENCES schemes (town_id, code, number) ON DELETE RESTRICT
);
-- A cancelled period keeps no code: the right one may differ from it only in capital letters.
CREATE UNIQUE INDEX periods_code_lower ON periods (town_id, lower(code)) WHERE state <> 'cancelled';
CREATE INDEX periods_order ON periods (town_id, starts_on, code);

-- A sheet: one evaluator's view of one branch in one period. Returning a sheet
-- starts a new revision; the entries of earlier ones stay as they were. A returned
-- sheet may carry the day until which it is to be corrected; one that was written
-- after the window names the exception that allowed it.
CREATE TABLE evaluations (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    period_code text NOT NULL,
    branch_code text NOT NULL,
    evaluator_code text NOT NULL,
    role text NOT NULL,
    state text NOT NULL CHECK (state IN ('draft', 'submitted', 'returned', 'approved')),
    revision INTEGER NOT NULL CHECK (revision > 0) CHECK (typeof(revision) IN ('integer')),
    note text NOT NULL,
    submitted_at DATETIME,
    decided_at DATETIME,
    decided_by text NOT NULL,
    reason text NOT NULL,
    due_on text CHECK (length(due_on) = 10),
    exception_id text CHECK (length(exception_id) = 36),
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, period_code) REFERENCES periods (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, evaluator_code) REFERENCES people (town_id, code) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX evaluations_one_sheet ON evaluations (town_id, period_code, branch_code, evaluator_code);

-- A number, or a level of a categorical indicator, or neither where the
-- evaluator says that there is no value.
CREATE TABLE entries (
    town_id text NOT NULL,
    evaluation_id text NOT NULL,
    revision INTEGER NOT NULL CHECK (typeof(revision) IN ('integer')),
    code text NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
    value REAL CHECK (typeof(value) IN ('real', 'null')),
    level text,
    not_applicable boolean NOT NULL CHECK (typeof(not_applicable) IN ('integer')),
    evidence text NOT NULL,
    source text NOT NULL,
    PRIMARY KEY (town_id, evaluation_id, revision, code),
    FOREIGN KEY (town_id, evaluation_id) REFERENCES evaluations (town_id, id) ON DELETE RESTRICT,
    CHECK (value IS NULL OR (level IS NULL AND NOT not_applicable)),
    CHECK (level IS NULL OR NOT not_applicable),
    CHECK (value IS NULL OR (value > -1e15 AND value < 1e15))
);
-- The entries of an approved sheet are frozen, and so are those of earlier revisions.
CREATE TRIGGER entries_frozen_update BEFORE UPDATE ON entries WHEN EXISTS (
    SELECT 1 FROM evaluations s WHERE s.town_id = OLD.town_id AND s.id = OLD.evaluation_id
        AND (s.state = 'approved' OR OLD.revision < s.revision)
) OR EXISTS (
    SELECT 1 FROM evaluations s WHERE s.town_id = NEW.town_id AND s.id = NEW.evaluation_id
        AND (s.state = 'approved' OR NEW.revision < s.revision)
) BEGIN
    SELECT RAISE(ABORT, 'rows of entries are immutable');
END;
CREATE TRIGGER entries_frozen_delete BEFORE DELETE ON entries WHEN EXISTS (
    SELECT 1 FROM evaluations s WHERE s.town_id = OLD.town_id AND s.id = OLD.evaluation_id
        AND (s.state = 'approved' OR OLD.revision < s.revision)
) BEGIN
    SELECT RAISE(ABORT, 'rows of entries are immutable');
END;

-- Which of the values counts that approved sheets report of one indicator or quantity
-- of a branch, and the sheets in the revisions that it was chosen from. The last
-- choice counts.
CREATE TABLE value_choices (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    period_code text NOT NULL,
    branch_code text NOT NULL,
    code text NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
    sheet_id text NOT NULL,
    among text NOT NULL,
    reason text NOT NULL CHECK (length(reason) > 0),
    chosen_by text NOT NULL,
    chosen_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, period_code) REFERENCES periods (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, sheet_id) REFERENCES evaluations (town_id, id) ON DELETE RESTRICT
);
CREATE INDEX value_choices_period ON value_choices (town_id, period_code);
CREATE TRIGGER value_choices_immutable_update BEFORE UPDATE ON value_choices BEGIN
    SELECT RAISE(ABORT, 'rows of value_choices are immutable');
END;
CREATE TRIGGER value_choices_immutable_delete BEFORE DELETE ON value_choices BEGIN
    SELECT RAISE(ABORT, 'rows of value_choices are immutable');
END;

-- What somebody says about one value of a sheet, and whether it is to be followed up: the
-- last remark about a value decides.
CREATE TABLE sheet_remarks (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    evaluation_id text NOT NULL,
    code text NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
    text text NOT NULL CHECK (length(text) > 0),
    follow_up boolean NOT NULL CHECK (typeof(follow_up) IN ('integer')),
    written_by text NOT NULL,
    role text NOT NULL,
    written_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, evaluation_id) REFERENCES evaluations (town_id, id) ON DELETE RESTRICT
);
CREATE INDEX sheet_remarks_sheet ON sheet_remarks (town_id, evaluation_id);
CREATE TRIGGER sheet_remarks_immutable_update BEFORE UPDATE ON sheet_remarks BEGIN
    SELECT RAISE(ABORT, 'rows of sheet_remarks are immutable');
END;
CREATE TRIGGER sheet_remarks_immutable_delete BEFORE DELETE ON sheet_remarks BEGIN
    SELECT RAISE(ABORT, 'rows of sheet_remarks are immutable');
END;

-- Permission to enter sheets after the window: for a branch, an evaluator, or one
-- evaluator's sheet about one branch.
CREATE TABLE entry_exceptions (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    period_code text NOT NULL,
    branch_code text,
    evaluator_code text,
    until text NOT NULL CHECK (length(until) = 10),
    reason text NOT NULL CHECK (length(reason) > 0),
    granted_by text NOT NULL,
    granted_at DATETIME NOT NULL,
    ended_by text NOT NULL,
    ended_at DATETIME,
    end_reason text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, period_code) REFERENCES periods (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, evaluator_code) REFERENCES people (town_id, code) ON DELETE RESTRICT,
    CHECK (branch_code IS NOT NULL OR evaluator_code IS NOT NULL)
);
CREATE INDEX entry_exceptions_period ON entry_exceptions (town_id, period_code, id);

-- A bonus, deduction or veto for one branch and period, with its own approval.
CREATE TABLE adjustments (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    period_code text NOT NULL,
    branch_code text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('bonus', 'deduction', 'veto')),
    item_code text NOT NULL,
    points REAL NOT NULL CHECK (points >= 0 AND points <= 100) CHECK (typeof(points) IN ('real')),
    reason text NOT NULL CHECK (length(reason) > 0),
    evidence text NOT NULL,
    state text NOT NULL CHECK (state IN ('proposed', 'approved', 'rejected', 'withdrawn')),
    proposed_by text NOT NULL,
    proposed_role text NOT NULL,
    decided_at DATETIME,
    decided_by text NOT NULL,
    decision_reason text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, period_code) REFERENCES periods (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT
);
CREATE INDEX adjustments_period ON adjustments (town_id, period_code, branch_code);
