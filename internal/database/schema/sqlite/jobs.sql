-- Work on the database itself.

-- When each task was done last: for bulwark doctor and the metrics. A backup leaves it out.
CREATE TABLE maintenance (
    task text NOT NULL PRIMARY KEY CHECK (task IN ('backup', 'verify', 'cleanup')),
    at DATETIME NOT NULL,
    detail text NOT NULL, -- what went wrong; empty: nothing
    succeeded_at DATETIME    -- NULL: never
);
