-- +goose Up

-- What became of a plan: its branch's result in a publication after the approval,
-- beside what was predicted. One row for each publication; an amended result adds one.
CREATE TABLE plan_outcomes (
    town_id text COLLATE "C" NOT NULL,
    plan_id text COLLATE "C" NOT NULL,
    period_code text COLLATE "C" NOT NULL,
    publication_number bigint NOT NULL,
    version_number bigint NOT NULL,
    document text COLLATE "C" NOT NULL,
    made_at timestamptz NOT NULL,
    PRIMARY KEY (town_id, plan_id, period_code, publication_number),
    FOREIGN KEY (town_id, plan_id, version_number) REFERENCES plan_versions (town_id, plan_id, number) ON DELETE RESTRICT,
    FOREIGN KEY (town_id, period_code, publication_number) REFERENCES publications (town_id, period_code, number) ON DELETE RESTRICT
);

CREATE TRIGGER plan_outcomes_immutable BEFORE UPDATE OR DELETE ON plan_outcomes FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- +goose Down
DROP TABLE plan_outcomes;
