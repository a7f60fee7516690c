-- +goose Up

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

-- A reminder of a report, or of a task of the town, is about no branch.
ALTER TABLE reminders ALTER COLUMN branch_code DROP NOT NULL;

-- +goose Down
DELETE FROM reminder_receipts WHERE reminder_id IN (SELECT id FROM reminders WHERE branch_code IS NULL);
DELETE FROM reminders WHERE branch_code IS NULL;
ALTER TABLE reminders ALTER COLUMN branch_code SET NOT NULL;
DROP TABLE reports;
