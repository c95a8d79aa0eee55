-- Places that have another name now: `now` is what a place is called that was called `place`.
CREATE TABLE moves (
    place TEXT PRIMARY KEY,
    now TEXT NOT NULL
);
