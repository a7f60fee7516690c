-- +goose Up

-- The rules of improvement of a town; a town without a row has the defaults.
CREATE TABLE improvement_settings (
    town_id text NOT NULL PRIMARY KEY REFERENCES towns (code) ON DELETE RESTRICT,
    document text NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0) CHECK (typeof(version) IN ('integer')),
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);

-- +goose Down
DROP TABLE improvement_settings;
