-- The periods, and what is entered in them.

-- The calendar of a period: when sheets are entered and decided on (days of
-- Asia/Shanghai, both included; none = no limit), how long the result is on
-- public notice and how soon an appeal is answered, both in days. Whether its publications
-- take two persons is what the town had set when the period was opened.
CREATE TABLE periods (
    town_id text COLLATE "C" NOT NULL REFERENCES towns (code) ON DELETE RESTRICT,
    code text COLLATE "C" NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('quarter', 'half_year', 'year')),
    starts_on text COLLATE "C" NOT NULL CHECK (length(starts_on) = 10),
    ends_on text COLLATE "C" NOT NULL CHECK (length(ends_on) = 10 AND starts_on <= ends_on),
    scheme_code text COLLATE "C" NOT NULL,
    scheme_number bigint NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (state IN ('planned', 'open', 'review', 'locked', 'published', 'final', 'cancelled')),
    state_by text COLLATE "C" NOT NULL,
    state_at timestamptz NOT NULL,
    state_reason text COLLATE "C" NOT NULL,
    locked_at timestamptz,
    entry_from text COLLATE "C" CHECK (length(entry_from) = 10),
    entry_until text COLLATE "C" CHECK (length(entry_until) = 10),
    review_until text COLLATE "C" CHECK (length(review_until) = 10),
    notice_days bigint NOT NULL DEFAULT 5 CHECK (notice_days BETWEEN 0 AND 90),
    answer_days bigint NOT NULL DEFAULT 5 CHECK (answer_days BETWEEN 0 AND 90),
    window_by text COLLATE "C" NOT NULL DEFAULT '',
    window_at timestamptz,
    window_reason text COLLATE "C" NOT NULL DEFAULT '',
    second_person text COLLATE "C" NOT NULL CHECK (second_person IN ('required', 'none')),
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
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
    town_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL CHECK (length(id) = 36),
    period_code text COLLATE "C" NOT NULL,
    branch_code text COLLATE "C" NOT NULL,
    evaluator_code text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (state IN ('draft', 'submitted', 'returned', 'approved')),
    revision bigint NOT NULL CHECK (revision > 0),
    note text COLLATE "C" NOT NULL,
    submitted_at timestamptz,
    decided_at timestamptz,
    decided_by text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    due_on text COLLATE "C" CHECK (length(due_on) = 10),
    exception_id text COLLATE "C" CHECK (length(exception_id) = 36),
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, period_code) REFERENCES periods (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, evaluator_code) REFERENCES people (town_id, code) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX evaluations_one_sheet ON evaluations (town_id, period_code, branch_code, evaluator_code);

-- A number, or a level of a categorical indicator, or neither where the
-- evaluator says that there is no value.
CREATE TABLE entries (
    town_id text COLLATE "C" NOT NULL,
    evaluation_id text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    code text COLLATE "C" NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
    value double precision,
    level text COLLATE "C",
    not_applicable boolean NOT NULL,
    evidence text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    PRIMARY KEY (town_id, evaluation_id, revision, code),
    FOREIGN KEY (town_id, evaluation_id) REFERENCES evaluations (town_id, id) ON DELETE RESTRICT,
    CHECK (value IS NULL OR (level IS NULL AND NOT not_applicable)),
    CHECK (level IS NULL OR NOT not_applicable),
    CHECK (value IS NULL OR (value > -1e15 AND value < 1e15))
);
-- The entries of an approved sheet are frozen, and so are those of earlier revisions.
CREATE FUNCTION refuse_frozen_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM evaluations s WHERE s.town_id = OLD.town_id AND s.id = OLD.evaluation_id
            AND (s.state = 'approved' OR OLD.revision < s.revision)
    ) THEN
        RAISE EXCEPTION 'rows of entries are immutable' USING ERRCODE = '23001';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF EXISTS (
        SELECT 1 FROM evaluations s WHERE s.town_id = NEW.town_id AND s.id = NEW.evaluation_id
            AND (s.state = 'approved' OR NEW.revision < s.revision)
    ) THEN
        RAISE EXCEPTION 'rows of entries are immutable' USING ERRCODE = '23001';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER entries_frozen BEFORE UPDATE OR DELETE ON entries FOR EACH ROW EXECUTE FUNCTION refuse_frozen_entry();
CREATE TRIGGER entries_kept BEFORE TRUNCATE ON entries FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Which of the values counts that approved sheets report of one indicator or quantity
-- of a branch, and the sheets in the revisions that it was chosen from. The last
-- choice counts.
CREATE TABLE value_choices (
    town_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL CHECK (length(id) = 36),
    period_code text COLLATE "C" NOT NULL,
    branch_code text COLLATE "C" NOT NULL,
    code text COLLATE "C" NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
    sheet_id text COLLATE "C" NOT NULL,
    among text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL CHECK (length(reason) > 0),
    chosen_by text COLLATE "C" NOT NULL,
    chosen_at timestamptz NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, period_code) REFERENCES periods (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, sheet_id) REFERENCES evaluations (town_id, id) ON DELETE RESTRICT
);
CREATE INDEX value_choices_period ON value_choices (town_id, period_code);
CREATE TRIGGER value_choices_immutable BEFORE UPDATE OR DELETE ON value_choices FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER value_choices_kept BEFORE TRUNCATE ON value_choices FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What somebody says about one value of a sheet, and whether it is to be followed up: the
-- last remark about a value decides.
CREATE TABLE sheet_remarks (
    town_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL CHECK (length(id) = 36),
    evaluation_id text COLLATE "C" NOT NULL,
    code text COLLATE "C" NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
    text text COLLATE "C" NOT NULL CHECK (length(text) > 0),
    follow_up boolean NOT NULL,
    written_by text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    written_at timestamptz NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, evaluation_id) REFERENCES evaluations (town_id, id) ON DELETE RESTRICT
);
CREATE INDEX sheet_remarks_sheet ON sheet_remarks (town_id, evaluation_id);
CREATE TRIGGER sheet_remarks_immutable BEFORE UPDATE OR DELETE ON sheet_remarks FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER sheet_remarks_kept BEFORE TRUNCATE ON sheet_remarks FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Permission to enter sheets after the window: for a branch, an evaluator, or one
-- evaluator's sheet about one branch.
CREATE TABLE entry_exceptions (
    town_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL CHECK (length(id) = 36),
    period_code text COLLATE "C" NOT NULL,
    branch_code text COLLATE "C",
    evaluator_code text COLLATE "C",
    until text COLLATE "C" NOT NULL CHECK (length(until) = 10),
    reason text COLLATE "C" NOT NULL CHECK (length(reason) > 0),
    granted_by text COLLATE "C" NOT NULL,
    granted_at timestamptz NOT NULL,
    ended_by text COLLATE "C" NOT NULL,
    ended_at timestamptz,
    end_reason text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, period_code) REFERENCES periods (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, evaluator_code) REFERENCES people (town_id, code) ON DELETE RESTRICT,
    CHECK (branch_code IS NOT NULL OR evaluator_code IS NOT NULL)
);
CREATE INDEX entry_exceptions_period ON entry_exceptions (town_id, period_code, id);

-- A bonus, deduction or veto for one branch and period, with its own approval.
CREATE TABLE adjustments (
    town_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL CHECK (length(id) = 36),
    period_code text COLLATE "C" NOT NULL,
    branch_code text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('bonus', 'deduction', 'veto')),
    item_code text COLLATE "C" NOT NULL,
    points double precision NOT NULL CHECK (points >= 0 AND points <= 100),
    reason text COLLATE "C" NOT NULL CHECK (length(reason) > 0),
    evidence text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (state IN ('proposed', 'approved', 'rejected', 'withdrawn')),
    proposed_by text COLLATE "C" NOT NULL,
    proposed_role text COLLATE "C" NOT NULL,
    decided_at timestamptz,
    decided_by text COLLATE "C" NOT NULL,
    decision_reason text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, period_code) REFERENCES periods (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT
);
CREATE INDEX adjustments_period ON adjustments (town_id, period_code, branch_code);
