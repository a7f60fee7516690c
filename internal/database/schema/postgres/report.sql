-- What is reported to the leading group, and what is due.

-- What an instructor reports to the leading group about a span of days (汇报). The
-- figures are worked out when it is submitted; from then on it can only be received.
CREATE TABLE reports (
    town_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL CHECK (length(id) = 36),
    author_code text COLLATE "C" NOT NULL,
    from_on text COLLATE "C" NOT NULL CHECK (length(from_on) = 10),
    until_on text COLLATE "C" NOT NULL CHECK (length(until_on) = 10),
    state text COLLATE "C" NOT NULL CHECK (state IN ('draft', 'submitted', 'received')),
    progress text COLLATE "C" NOT NULL,
    difficulties text COLLATE "C" NOT NULL,
    next text COLLATE "C" NOT NULL,
    figures text COLLATE "C",
    submitted_at timestamptz,
    received_at timestamptz,
    received_by text COLLATE "C" NOT NULL,
    remark text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, author_code) REFERENCES people (town_id, code) ON DELETE RESTRICT,
    CHECK (from_on <= until_on),
    CHECK ((state = 'draft') = (figures IS NULL)),
    CHECK ((state = 'draft') = (submitted_at IS NULL)),
    CHECK ((state = 'received') = (received_at IS NOT NULL))
);
CREATE INDEX reports_author ON reports (town_id, author_code, until_on);
CREATE TRIGGER reports_immutable_update BEFORE UPDATE ON reports FOR EACH ROW WHEN (
    OLD.state = 'received' OR OLD.state = 'submitted' AND (NEW.state <> 'received'
    OR (NEW.town_id, NEW.id, NEW.author_code, NEW.from_on, NEW.until_on, NEW.progress, NEW.difficulties, NEW.next, NEW.figures, NEW.submitted_at, NEW.created_at)
    IS DISTINCT FROM (OLD.town_id, OLD.id, OLD.author_code, OLD.from_on, OLD.until_on, OLD.progress, OLD.difficulties, OLD.next, OLD.figures, OLD.submitted_at, OLD.created_at))
) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER reports_immutable_delete BEFORE DELETE ON reports FOR EACH ROW WHEN (OLD.state <> 'draft') EXECUTE FUNCTION refuse_change();
CREATE TRIGGER reports_kept BEFORE TRUNCATE ON reports FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Who is reminded of what is due. Each kind, subject and day has one; sequence numbers
-- the last change of each in its town, and reminder_heads holds the last number used.
-- A reminder of a report, or of a task of the town, is about no branch.
CREATE TABLE reminders (
    town_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL CHECK (length(id) = 36),
    sequence bigint NOT NULL CHECK (sequence > 0),
    kind text COLLATE "C" NOT NULL CHECK (length(kind) > 0),
    subject text COLLATE "C" NOT NULL CHECK (length(subject) > 0),
    branch_code text COLLATE "C",
    person_code text COLLATE "C",
    office_code text COLLATE "C",
    due_on text COLLATE "C" NOT NULL CHECK (length(due_on) = 10),
    made_at timestamptz NOT NULL,
    withdrawn_at timestamptz,
    PRIMARY KEY (town_id, id),
    UNIQUE (town_id, kind, subject, due_on),
    UNIQUE (town_id, sequence),
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, person_code) REFERENCES people (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, office_code) REFERENCES offices (town_id, code) ON DELETE RESTRICT
);

CREATE TABLE reminder_heads (
    town_id text COLLATE "C" NOT NULL PRIMARY KEY REFERENCES towns (code) ON DELETE RESTRICT,
    last bigint NOT NULL CHECK (last >= 0)
);

CREATE TABLE reminder_receipts (
    town_id text COLLATE "C" NOT NULL,
    reminder_id text COLLATE "C" NOT NULL,
    reader text COLLATE "C" NOT NULL CHECK (length(reader) > 0),
    at timestamptz NOT NULL,
    PRIMARY KEY (town_id, reminder_id, reader),
    FOREIGN KEY (town_id, reminder_id) REFERENCES reminders (town_id, id) ON DELETE RESTRICT
);
