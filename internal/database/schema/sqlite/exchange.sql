-- What branches learn from each other.

-- What a branch did well (先进工作案例). A case that was published is frozen: a changed
-- account becomes the next edition of its series, which takes its place when it is
-- published.
CREATE TABLE cases (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    series_id text NOT NULL,
    edition INTEGER NOT NULL CHECK (edition > 0) CHECK (typeof(edition) IN ('integer')),
    branch_code text NOT NULL,
    title text NOT NULL CHECK (length(title) > 0),
    story text NOT NULL,
    indicators text NOT NULL,
    measures text NOT NULL,
    links text NOT NULL,
    author text NOT NULL,
    state text NOT NULL CHECK (state IN ('draft', 'submitted', 'returned', 'published', 'superseded', 'withdrawn')),
    published_at DATETIME,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, series_id) REFERENCES cases (town_id, id) ON DELETE RESTRICT,
    CHECK ((edition = 1) = (series_id = id)),
    CHECK (state NOT IN ('published', 'superseded') OR published_at IS NOT NULL)
);
CREATE UNIQUE INDEX cases_edition ON cases (town_id, series_id, edition);
CREATE UNIQUE INDEX cases_one_open ON cases (town_id, series_id) WHERE state IN ('draft', 'submitted', 'returned');
CREATE UNIQUE INDEX cases_one_published ON cases (town_id, branch_code, series_id) WHERE state = 'published';
CREATE INDEX cases_branch ON cases (town_id, branch_code, state);
CREATE TRIGGER cases_frozen_update BEFORE UPDATE ON cases WHEN OLD.published_at IS NOT NULL AND (
    OLD.town_id <> NEW.town_id
    OR OLD.id <> NEW.id
    OR OLD.series_id <> NEW.series_id
    OR OLD.title <> NEW.title
    OR OLD.story <> NEW.story
    OR OLD.indicators <> NEW.indicators
    OR OLD.measures <> NEW.measures
    OR OLD.links <> NEW.links
    OR OLD.author <> NEW.author
    OR OLD.branch_code <> NEW.branch_code
    OR OLD.edition <> NEW.edition
    OR OLD.published_at IS NOT NEW.published_at
    OR OLD.created_at <> NEW.created_at
) BEGIN
    SELECT RAISE(ABORT, 'rows of cases are immutable');
END;
CREATE TRIGGER cases_frozen_delete BEFORE DELETE ON cases WHEN OLD.published_at IS NOT NULL BEGIN
    SELECT RAISE(ABORT, 'rows of cases are immutable');
END;

-- Events (经验交流) and study visits (学习): who meets, and what comes of it.
CREATE TABLE exchange_events (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    kind text NOT NULL CHECK (kind IN ('event', 'study_visit')),
    held_on text NOT NULL CHECK (length(held_on) = 10),
    place text NOT NULL,
    topic text NOT NULL CHECK (length(topic) > 0),
    host_code text,
    branches text NOT NULL,
    people text NOT NULL,
    cases text NOT NULL,
    outcome text NOT NULL,
    state text NOT NULL CHECK (state IN ('planned', 'held', 'cancelled')),
    state_by text NOT NULL,
    state_at DATETIME NOT NULL,
    state_reason text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, host_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    CHECK (kind = 'event' OR host_code IS NOT NULL)
);
CREATE INDEX exchange_events_day ON exchange_events (town_id, kind, held_on);

-- How useful a branch found a case, mentor, measure, event or study visit (1 to 5):
-- once per branch, subject and period. Who gave which is shown to nobody else.
CREATE TABLE usefulness_ratings (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    period_code text NOT NULL,
    branch_code text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('case', 'mentor', 'measure', 'event', 'study_visit')),
    subject text NOT NULL CHECK (length(subject) > 0),
    score INTEGER NOT NULL CHECK (score BETWEEN 1 AND 5) CHECK (typeof(score) IN ('integer')),
    comment text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, period_code) REFERENCES periods (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX usefulness_once ON usefulness_ratings (town_id, period_code, branch_code, kind, subject);
CREATE INDEX usefulness_subject ON usefulness_ratings (town_id, kind, subject, period_code);
