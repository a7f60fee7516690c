-- Work on the database itself.

-- When each task was done last: for bulwark doctor and the metrics. A backup leaves it out.
CREATE TABLE maintenance (
    task text COLLATE "C" NOT NULL PRIMARY KEY CHECK (task IN ('backup', 'verify', 'cleanup')),
    at timestamptz NOT NULL,
    detail text COLLATE "C" NOT NULL, -- what went wrong; empty: nothing
    succeeded_at timestamptz    -- NULL: never
);
