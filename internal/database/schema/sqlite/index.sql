-- What is computed from a locked period, what of it is published, and what is appealed against.

-- A run is immutable: nothing in runs, results, result_nodes, robustness_results,
-- publications and withdrawals is ever updated. The triggers refuse it, whoever tries.
CREATE TABLE runs (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    period_code text NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0) CHECK (typeof(number) IN ('integer')),
    scheme_code text NOT NULL,
    scheme_number INTEGER NOT NULL CHECK (typeof(scheme_number) IN ('integer')),
    engine text NOT NULL,
    seed INTEGER NOT NULL CHECK (typeof(seed) IN ('integer')),
    scheme_hash text NOT NULL CHECK (length(scheme_hash) = 64),
    data_hash text NOT NULL CHECK (length(data_hash) = 64),
    result_hash text NOT NULL CHECK (length(result_hash) = 64),
    data text NOT NULL,
    created_by text NOT NULL,
    created_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, period_code) REFERENCES periods (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, scheme_code, scheme_number) REFERENCES schemes (town_id, code, number) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX runs_number ON runs (town_id, period_code, number);
CREATE TRIGGER runs_immutable_update BEFORE UPDATE ON runs BEGIN
    SELECT RAISE(ABORT, 'rows of runs are immutable');
END;
CREATE TRIGGER runs_immutable_delete BEFORE DELETE ON runs BEGIN
    SELECT RAISE(ABORT, 'rows of runs are immutable');
END;

-- What a run computed for a branch.
CREATE TABLE results (
    town_id text NOT NULL,
    run_id text NOT NULL,
    branch_code text NOT NULL,
    position INTEGER NOT NULL CHECK (typeof(position) IN ('integer')),
    name_zh text NOT NULL,
    name_en text NOT NULL,
    kind text NOT NULL,
    class text,
    status text NOT NULL CHECK (status IN ('scored', 'insufficient', 'failed')),
    coverage REAL NOT NULL CHECK (coverage >= 0 AND coverage <= 1) CHECK (typeof(coverage) IN ('real')),
    base REAL CHECK (typeof(base) IN ('real', 'null')),
    bonus REAL NOT NULL CHECK (typeof(bonus) IN ('real')),
    deduction REAL NOT NULL CHECK (typeof(deduction) IN ('real')),
    vetoes text NOT NULL,
    score REAL CHECK (typeof(score) IN ('real', 'null')),
    grade text,
    rank INTEGER CHECK (typeof(rank) IN ('integer', 'null')),
    class_rank INTEGER CHECK (typeof(class_rank) IN ('integer', 'null')),
    score_at_lowest REAL CHECK (typeof(score_at_lowest) IN ('real', 'null')),
    PRIMARY KEY (town_id, run_id, branch_code),
    FOREIGN KEY (town_id, run_id) REFERENCES runs (town_id, id) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    CHECK ((status = 'scored') = (score IS NOT NULL)),
    CHECK ((status = 'scored') = (rank IS NOT NULL))
);
CREATE INDEX results_branch ON results (town_id, branch_code);
CREATE TRIGGER results_immutable_update BEFORE UPDATE ON results BEGIN
    SELECT RAISE(ABORT, 'rows of results are immutable');
END;
CREATE TRIGGER results_immutable_delete BEFORE DELETE ON results BEGIN
    SELECT RAISE(ABORT, 'rows of results are immutable');
END;

-- What a run computed for a branch at each node of the scheme.
CREATE TABLE result_nodes (
    town_id text NOT NULL,
    run_id text NOT NULL,
    branch_code text NOT NULL,
    node_code text NOT NULL,
    position INTEGER NOT NULL CHECK (typeof(position) IN ('integer')),
    status text NOT NULL CHECK (status IN ('entered', 'missing', 'imputed', 'carried', 'not_applicable', 'unscored', 'scored')),
    raw REAL CHECK (typeof(raw) IN ('real', 'null')),
    level text,
    score REAL CHECK (typeof(score) IN ('real', 'null')),
    coverage REAL CHECK (typeof(coverage) IN ('real', 'null')),
    score_at_lowest REAL CHECK (typeof(score_at_lowest) IN ('real', 'null')),
    age INTEGER CHECK (age > 0) CHECK (typeof(age) IN ('integer', 'null')),
    PRIMARY KEY (town_id, run_id, branch_code, node_code),
    FOREIGN KEY (town_id, run_id, branch_code) REFERENCES results (town_id, run_id, branch_code) ON DELETE RESTRICT
);
CREATE TRIGGER result_nodes_immutable_update BEFORE UPDATE ON result_nodes BEGIN
    SELECT RAISE(ABORT, 'rows of result_nodes are immutable');
END;
CREATE TRIGGER result_nodes_immutable_delete BEFORE DELETE ON result_nodes BEGIN
    SELECT RAISE(ABORT, 'rows of result_nodes are immutable');
END;

-- How robust the ranks of a run are: computed once, after the run, and kept.
CREATE TABLE robustness_results (
    town_id text NOT NULL,
    run_id text NOT NULL,
    seed INTEGER NOT NULL CHECK (typeof(seed) IN ('integer')),
    replicates INTEGER NOT NULL CHECK (replicates > 0) CHECK (typeof(replicates) IN ('integer')),
    document text NOT NULL,
    created_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, run_id),
    FOREIGN KEY (town_id, run_id) REFERENCES runs (town_id, id) ON DELETE RESTRICT
);
CREATE TRIGGER robustness_results_immutable_update BEFORE UPDATE ON robustness_results BEGIN
    SELECT RAISE(ABORT, 'rows of robustness_results are immutable');
END;
CREATE TRIGGER robustness_results_immutable_delete BEFORE DELETE ON robustness_results BEGIN
    SELECT RAISE(ABORT, 'rows of robustness_results are immutable');
END;

-- A publication opens a window in which it can be appealed against; where the
-- period sets none, it has no last day. An amendment names the appeal that it
-- answers; that appeal refers back by its key. The note holds the hashes and, where
-- the installation has a key, its signatures. One
-- that nobody confirmed was made by one person. One that is forced was published
-- although too few branches had a score, or before the period ended. It keeps the
-- publication that its changes are counted from, and the branches that ended since.
CREATE TABLE publications (
    town_id text NOT NULL,
    period_code text NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0) CHECK (typeof(number) IN ('integer')),
    run_id text NOT NULL,
    published_by text NOT NULL,
    published_at DATETIME NOT NULL,
    reason text NOT NULL,
    notice_until text CHECK (length(notice_until) = 10),
    notice_floor INTEGER NOT NULL DEFAULT 0 CHECK (notice_floor BETWEEN 0 AND 90) CHECK (typeof(notice_floor) IN ('integer')),
    appeal_id text,
    from_period text,
    from_number INTEGER CHECK (typeof(from_number) IN ('integer', 'null')),
    ended text NOT NULL CHECK (length(ended) > 0),
    forced boolean NOT NULL CHECK (typeof(forced) IN ('integer')),
    proposed_by text NOT NULL,
    confirmed_by text NOT NULL CHECK (confirmed_by = '' OR proposed_by <> confirmed_by),
    note text NOT NULL CHECK (length(note) > 0),
    PRIMARY KEY (town_id, period_code, number),
    FOREIGN KEY (town_id, period_code) REFERENCES periods (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, run_id) REFERENCES runs (town_id, id) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, from_period, from_number) REFERENCES publications (town_id, period_code, number) ON DELETE RESTRICT,
    CHECK ((from_period IS NULL) = (from_number IS NULL)),
    CHECK ((proposed_by = '') = (confirmed_by = ''))
);
CREATE TRIGGER publications_immutable_update BEFORE UPDATE ON publications BEGIN
    SELECT RAISE(ABORT, 'rows of publications are immutable');
END;
CREATE TRIGGER publications_immutable_delete BEFORE DELETE ON publications BEGIN
    SELECT RAISE(ABORT, 'rows of publications are immutable');
END;

-- A publication that was taken back. It stays readable by its number and counts for
-- nothing any more. last_number is the highest number that the period had then: what is
-- published later was made without it. The note is signed like that of a publication.
CREATE TABLE withdrawals (
    town_id text NOT NULL,
    period_code text NOT NULL,
    publication_number INTEGER NOT NULL CHECK (typeof(publication_number) IN ('integer')),
    last_number INTEGER NOT NULL CHECK (typeof(last_number) IN ('integer')),
    withdrawn_by text NOT NULL,
    withdrawn_at DATETIME NOT NULL,
    reason text NOT NULL CHECK (length(reason) > 0),
    proposed_by text NOT NULL,
    confirmed_by text NOT NULL CHECK (confirmed_by = '' OR proposed_by <> confirmed_by),
    note text NOT NULL CHECK (length(note) > 0),
    PRIMARY KEY (town_id, period_code, publication_number),
    FOREIGN KEY (town_id, period_code, publication_number) REFERENCES publications (town_id, period_code, number) ON DELETE RESTRICT,
    CHECK (last_number >= publication_number),
    CHECK ((proposed_by = '') = (confirmed_by = ''))
);
CREATE TRIGGER withdrawals_immutable_update BEFORE UPDATE ON withdrawals BEGIN
    SELECT RAISE(ABORT, 'rows of withdrawals are immutable');
END;
CREATE TRIGGER withdrawals_immutable_delete BEFORE DELETE ON withdrawals BEGIN
    SELECT RAISE(ABORT, 'rows of withdrawals are immutable');
END;

-- What a branch objects to in a publication. It has one open appeal at a time.
CREATE TABLE appeals (
    town_id text NOT NULL,
    id text NOT NULL CHECK (length(id) = 36),
    period_code text NOT NULL,
    publication_number INTEGER NOT NULL CHECK (typeof(publication_number) IN ('integer')),
    branch_code text NOT NULL,
    points text NOT NULL,
    statement text NOT NULL CHECK (length(statement) > 0),
    evidence text NOT NULL,
    state text NOT NULL CHECK (state IN ('filed', 'upheld', 'rejected', 'withdrawn')),
    filed_by text NOT NULL,
    filed_at DATETIME NOT NULL,
    due_on text NOT NULL CHECK (length(due_on) = 10),
    decided_by text NOT NULL,
    decided_at DATETIME,
    answer text NOT NULL,
    amended_to INTEGER CHECK (typeof(amended_to) IN ('integer', 'null')),
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, period_code, publication_number) REFERENCES publications (town_id, period_code, number) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, period_code, amended_to) REFERENCES publications (town_id, period_code, number) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    CHECK ((state = 'filed') = (decided_at IS NULL)),
    CHECK ((state = 'upheld') = (amended_to IS NOT NULL)),
    CHECK (state NOT IN ('upheld', 'rejected') OR length(answer) > 0)
);
CREATE UNIQUE INDEX appeals_one_open ON appeals (town_id, period_code, publication_number, branch_code) WHERE state = 'filed';
CREATE INDEX appeals_period ON appeals (town_id, period_code, branch_code);

-- What changes approved values of a published period: a value, which may be taken away,
-- an earlier correction taken back, or an adjustment added or cancelled. Never changed
-- itself; the last one of a code counts. It is
-- written by the evaluation room, and is here because it refers to publications.
CREATE TABLE corrections (
    town_id text NOT NULL,
    period_code text NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0) CHECK (typeof(number) IN ('integer')),
    publication_number INTEGER NOT NULL CHECK (typeof(publication_number) IN ('integer')),
    branch_code text NOT NULL,
    code text NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
    adjustment text NOT NULL CHECK (adjustment IN ('', 'add', 'cancel')),
    value REAL CHECK (typeof(value) IN ('real', 'null')),
    level text,
    not_applicable boolean NOT NULL CHECK (typeof(not_applicable) IN ('integer')),
    removes text NOT NULL CHECK (removes IN ('', 'value', 'correction')),
    replaces text NOT NULL,
    reason text NOT NULL CHECK (length(reason) > 0),
    evidence text NOT NULL,
    appeal_id text,
    made_by text NOT NULL,
    created_at DATETIME NOT NULL,
    PRIMARY KEY (town_id, period_code, number),
    FOREIGN KEY (town_id, period_code, publication_number) REFERENCES publications (town_id, period_code, number) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, appeal_id) REFERENCES appeals (town_id, id) ON DELETE RESTRICT,
    CHECK (value IS NULL OR (level IS NULL AND NOT not_applicable)),
    CHECK (level IS NULL OR NOT not_applicable),
    CHECK (removes = '' OR (adjustment = '' AND value IS NULL AND level IS NULL AND NOT not_applicable)),
    CHECK ((adjustment = '') = (value IS NOT NULL OR level IS NOT NULL OR not_applicable OR removes <> '')),
    CHECK (value IS NULL OR (value > -1e15 AND value < 1e15))
);
CREATE TRIGGER corrections_immutable_update BEFORE UPDATE ON corrections BEGIN
    SELECT RAISE(ABORT, 'rows of corrections are immutable');
END;
CREATE TRIGGER corrections_immutable_delete BEFORE DELETE ON corrections BEGIN
    SELECT RAISE(ABORT, 'rows of corrections are immutable');
END;
