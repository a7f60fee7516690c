-- What tells a database of the demo from all others.

-- The one row says that the demo made this database. It is written before anything
-- else of the demo; without it the demo writes into no database that has any row.
CREATE TABLE demo_marks (
    code text NOT NULL PRIMARY KEY CHECK (code = 'demo')
);
