-- +goose Up

-- The rules of improvement of a town; a town without a row has the defaults.
CREATE TABLE improvement_settings (
    town_id text COLLATE "C" NOT NULL PRIMARY KEY REFERENCES towns (code) ON DELETE RESTRICT,
    document text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

-- +goose Down
DROP TABLE improvement_settings;
