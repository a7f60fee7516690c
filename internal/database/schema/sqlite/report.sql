-- What is reported to the leading group, and what is due.

-- What an instructor reports to the leading group about a span of days (汇报). The
-- figures are worked out when it is submitted; from then on it can only be received.
CREATE TABLE reports (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    author_code text NOT NULL,
    from_on text NOT NULL CHECK (length(from_on) = 10),
    until_on text NOT NULL CHECK (length(until_on) = 10),
    state text NOT NULL CHECK (state IN ('draft', 'submitted', 'received')),
    progress text NOT NULL,
    difficulties text NOT NULL,
    next text NOT NULL,
    figures text,
    submitted_at DATETIME,
    received_at DATETIME,
    received_by text NOT NULL,
    remark text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, author_code) REFERENCES people (town_id, code) ON DELETE RESTRICT,
    CHECK (from_on <= until_on),
    CHECK ((state = 'draft') = (figures IS NULL)),
    CHECK ((state = 'draft') = (submitted_at IS NULL)),
    CHECK ((state = 'received') = (received_at IS NOT NULL))
);
CREATE INDEX reports_author ON reports (town_id, author_code, until_on);
CREATE TRIGGER reports_immutable_update BEFORE UPDATE ON reports WHEN OLD.state = 'received' OR OLD.state = 'submitted' AND (
    NEW.state IS NOT 'received'
    OR NEW.town_id IS NOT OLD.town_id
    OR NEW.id IS NOT OLD.id
    OR NEW.author_code IS NOT OLD.author_code
    OR NEW.from_on IS NOT OLD.from_on
    OR NEW.until_on IS NOT OLD.until_on
    OR NEW.progress IS NOT OLD.progress
    OR NEW.difficulties IS NOT OLD.difficulties
    OR NEW.next IS NOT OLD.next
    OR NEW.figures IS NOT OLD.figures
    OR NEW.submitted_at IS NOT OLD.submitted_at
    OR NEW.created_at IS NOT OLD.created_at
) BEGIN
    SELECT RAISE(ABORT, 'rows of reports are immutable');
END;
CREATE TRIGGER reports_immutable_delete BEFORE DELETE ON reports WHEN OLD.state <> 'draft' BEGIN
    SELECT RAISE(ABORT, 'rows of reports are immutable');
END;

-- Who is reminded of what is due. Each kind, subject and day has one; sequence numbers
-- the last change of each in its town, and reminder_heads holds the last number used.
-- A reminder of a report, or of a task of the town, is about no branch.
CREATE TABLE reminders (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    sequence INTEGER NOT NULL CHECK (sequence > 0) CHECK (typeof(sequence) IN ('integer')),
    kind text NOT NULL CHECK (length(kind) > 0),
    subject text NOT NULL CHECK (length(subject) > 0),
    branch_code text,
    person_code text,
    office_code text,
    due_on text NOT NULL CHECK (length(due_on) = 10),
    made_at DATETIME NOT NULL,
    withdrawn_at DATETIME,
    PRIMARY KEY (town_id, id),
    UNIQUE (town_id, kind, subject, due_on),
    UNIQUE (town_id, sequence),
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, person_code) REFERENCES people (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, office_code) REFERENCES offices (town_id, code) ON DELETE RESTRICT
);

CREATE TABLE reminder_heads (
    town_id text NOT NULL PRIMARY KEY REFERENCES towns (code) ON DELETE RESTRICT,
    last INTEGER NOT NULL CHECK (last >= 0) CHECK (typeof(last) IN ('integer'))
);

CREATE TABLE reminder_receipts (
    town_id text NOT NULL,
    reminder_id text NOT NULL,
    reader text NOT NULL CHECK (length(reader) > 0),
    at DATETIME NOT NULL,
    PRIMARY KEY (town_id, reminder_id, reader),
    FOREIGN KEY (town_id, reminder_id) REFERENCES reminders (town_id, id) ON DELETE RESTRICT
);
