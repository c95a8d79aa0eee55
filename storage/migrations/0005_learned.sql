-- What a messenger's refusals taught of a place: how many calls at once and how many a second it takes, and until when it
-- takes none at all. Times are Unix seconds.
CREATE TABLE learned (
    place TEXT PRIMARY KEY,
    burst REAL NOT NULL,
    per_second REAL NOT NULL,
    refusals INTEGER NOT NULL,
    learned_at REAL NOT NULL,
    blocked_until REAL NOT NULL
);
