-- What is computed from a locked period, what of it is published, and what is appealed against.

-- A run is immutable: nothing in runs, results, result_nodes, robustness_results,
-- publications and withdrawals is ever updated. The triggers refuse it, whoever tries.
CREATE TABLE runs (
    town_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL CHECK (length(id) = 36),
    period_code text COLLATE "C" NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    scheme_code text COLLATE "C" NOT NULL,
    scheme_number bigint NOT NULL,
    engine text COLLATE "C" NOT NULL,
    seed bigint NOT NULL,
    scheme_hash text COLLATE "C" NOT NULL CHECK (length(scheme_hash) = 64),
    data_hash text COLLATE "C" NOT NULL CHECK (length(data_hash) = 64),
    result_hash text COLLATE "C" NOT NULL CHECK (length(result_hash) = 64),
    data text COLLATE "C" NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (town_id, id),
    FOREIGN KEY (town_id, period_code) REFERENCES periods (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, scheme_code, scheme_number) REFERENCES schemes (town_id, code, number) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX runs_number ON runs (town_id, period_code, number);
CREATE TRIGGER runs_immutable BEFORE UPDATE OR DELETE ON runs FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER runs_kept BEFORE TRUNCATE ON runs FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What a run computed for a branch.
CREATE TABLE results (
    town_id text COLLATE "C" NOT NULL,
    run_id text COLLATE "C" NOT NULL,
    branch_code text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    name_zh text COLLATE "C" NOT NULL,
    name_en text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    class text COLLATE "C",
    status text COLLATE "C" NOT NULL CHECK (status IN ('scored', 'insufficient', 'failed')),
    coverage double precision NOT NULL CHECK (coverage >= 0 AND coverage <= 1),
    base double precision,
    bonus double precision NOT NULL,
    deduction double precision NOT NULL,
    vetoes text COLLATE "C" NOT NULL,
    score double precision,
    grade text COLLATE "C",
    rank bigint,
    class_rank bigint,
    score_at_lowest double precision,
    PRIMARY KEY (town_id, run_id, branch_code),
    FOREIGN KEY (town_id, run_id) REFERENCES runs (town_id, id) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, branch_code) REFERENCES branches (town_id, code) ON DELETE RESTRICT,
    CHECK ((status = 'scored') = (score IS NOT NULL)),
    CHECK ((status = 'scored') = (rank IS NOT NULL))
);
CREATE INDEX results_branch ON results (town_id, branch_code);
CREATE TRIGGER results_immutable BEFORE UPDATE OR DELETE ON results FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER results_kept BEFORE TRUNCATE ON results FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What a run computed for a branch at each node of the scheme.
CREATE TABLE result_nodes (
    town_id text COLLATE "C" NOT NULL,
    run_id text COLLATE "C" NOT NULL,
    branch_code text COLLATE "C" NOT NULL,
    node_code text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    status text COLLATE "C" NOT NULL CHECK (status IN ('entered', 'missing', 'imputed', 'carried', 'not_applicable', 'unscored', 'scored')),
    raw double precision,
    level text COLLATE "C",
    score double precision,
    coverage double precision,
    score_at_lowest double precision,
    age bigint CHECK (age > 0),
    PRIMARY KEY (town_id, run_id, branch_code, node_code),
    FOREIGN KEY (town_id, run_id, branch_code) REFERENCES results (town_id, run_id, branch_code) ON DELETE RESTRICT
);
CREATE TRIGGER result_nodes_immutable BEFORE UPDATE OR DELETE ON result_nodes FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER result_nodes_kept BEFORE TRUNCATE ON result_nodes FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- How robust the ranks of a run are: computed once, after the run, and kept.
CREATE TABLE robustness_results (
    town_id text COLLATE "C" NOT NULL,
    run_id text COLLATE "C" NOT NULL,
    seed bigint NOT NULL,
    replicates bigint NOT NULL CHECK (replicates > 0),
    document text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (town_id, run_id),
    FOREIGN KEY (town_id, run_id) REFERENCES runs (town_id, id) ON DELETE RESTRICT
);
CREATE TRIGGER robustness_results_immutable BEFORE UPDATE OR DELETE ON robustness_results FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER robustness_results_kept BEFORE TRUNCATE ON robustness_results FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A publication opens a window in which it can be appealed against; where the
-- period sets none, it has no last day. An amendment names the appeal that it
-- answers; that appeal refers back by its key. The note holds the hashes and, where
-- the installation has a key, its signatures. One
-- that nobody confirmed was made by one person. One that is forced was published
-- although too few branches had a score, or before the period ended. It keeps the
-- publication that its changes are counted from, and the branches that ended since.
CREATE TABLE publications (
    town_id text COLLATE "C" NOT NULL,
    period_code text COLLATE "C" NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    run_id text COLLATE "C" NOT NULL,
    published_by text COLLATE "C" NOT NULL,
    published_at timestamptz NOT NULL,
    reason text COLLATE "C" NOT NULL,
    notice_until text COLLATE "C" CHECK (length(notice_until) = 10),
    notice_floor bigint NOT NULL DEFAULT 0 CHECK (notice_floor BETWEEN 0 AND 90),
    appeal_id text COLLATE "C",
    from_period text COLLATE "C",
    from_number bigint,
    ended text COLLATE "C" NOT NULL CHECK (length(ended) > 0),
    forced boolean NOT NULL,
    proposed_by text COLLATE "C" NOT NULL,
    confirmed_by text COLLATE "C" NOT NULL CHECK (confirmed_by = '' OR proposed_by <> confirmed_by),
    note text COLLATE "C" NOT NULL CHECK (length(note) > 0),
    PRIMARY KEY (town_id, period_code, number),
    FOREIGN KEY (town_id, period_code) REFERENCES periods (town_id, code) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, run_id) REFERENCES runs (town_id, id) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, from_period, from_number) REFERENCES publications (town_id, period_code, number) ON DELETE RESTRICT,
    CHECK ((from_period IS NULL) = (from_number IS NULL)),
    CHECK ((proposed_by = '') = (confirmed_by = ''))
);
CREATE TRIGGER publications_immutable BEFORE UPDATE OR DELETE ON publications FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER publications_kept BEFORE TRUNCATE ON publications FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A publication that was taken back. It stays readable by its number and counts for
-- nothing any more. last_number is the highest number that the period had then: what is
-- published later was made without it. The note is signed like that of a publication.
CREATE TABLE withdrawals (
    town_id text COLLATE "C" NOT NULL,
    period_code text COLLATE "C" NOT NULL,
    publication_number bigint NOT NULL,
    last_number bigint NOT NULL,
    withdrawn_by text COLLATE "C" NOT NULL,
    withdrawn_at timestamptz NOT NULL,
    reason text COLLATE "C" NOT NULL CHECK (length(reason) > 0),
    proposed_by text COLLATE "C" NOT NULL,
    confirmed_by text COLLATE "C" NOT NULL CHECK (confirmed_by = '' OR proposed_by <> confirmed_by),
    note text COLLATE "C" NOT NULL CHECK (length(note) > 0),
    PRIMARY KEY (town_id, period_code, publication_number),
    FOREIGN KEY (town_id, period_code, publication_number) REFERENCES publications (town_id, period_code, number) ON DELETE RESTRICT,
    CHECK (last_number >= publication_number),
    CHECK ((proposed_by = '') = (confirmed_by = ''))
);
CREATE TRIGGER withdrawals_immutable BEFORE UPDATE OR DELETE ON withdrawals FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER withdrawals_kept BEFORE TRUNCATE ON withdrawals FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What a branch objects to in a publication. It has one open appeal at a time.
CREATE TABLE appeals (
    town_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL CHECK (length(id) = 36),
    period_code text COLLATE "C" NOT NULL,
    publication_number bigint NOT NULL,
    branch_code text COLLATE "C" NOT NULL,
    points text COLLATE "C" NOT NULL,
    statement text COLLATE "C" NOT NULL CHECK (length(statement) > 0),
    evidence text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (state IN ('filed', 'upheld', 'rejected', 'withdrawn')),
    filed_by text COLLATE "C" NOT NULL,
    filed_at timestamptz NOT NULL,
    due_on text COLLATE "C" NOT NULL CHECK (length(due_on) = 10),
    decided_by text COLLATE "C" NOT NULL,
    decided_at timestamptz,
    answer text COLLATE "C" NOT NULL,
    amended_to bigint,
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
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
    town_id text COLLATE "C" NOT NULL,
    period_code text COLLATE "C" NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    publication_number bigint NOT NULL,
    branch_code text COLLATE "C" NOT NULL,
    code text COLLATE "C" NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
    adjustment text COLLATE "C" NOT NULL CHECK (adjustment IN ('', 'add', 'cancel')),
    value double precision,
    level text COLLATE "C",
    not_applicable boolean NOT NULL,
    removes text COLLATE "C" NOT NULL CHECK (removes IN ('', 'value', 'correction')),
    replaces text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL CHECK (length(reason) > 0),
    evidence text COLLATE "C" NOT NULL,
    appeal_id text COLLATE "C",
    made_by text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
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
CREATE TRIGGER corrections_immutable BEFORE UPDATE OR DELETE ON corrections FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER corrections_kept BEFORE TRUNCATE ON corrections FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
