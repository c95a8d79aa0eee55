-- What came in and what became of it; what was said. AUTOINCREMENT: buttons carry turn numbers, none may come twice.
CREATE TABLE turns (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    conversation TEXT NOT NULL,
    place TEXT NOT NULL,
    incoming TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'new',
    reply TEXT,
    final TEXT,
    failed INTEGER NOT NULL DEFAULT 0,
    interruptions INTEGER NOT NULL DEFAULT 0,
    received_at REAL NOT NULL,
    updated_at REAL NOT NULL
);
CREATE INDEX turns_unfinished ON turns (id) WHERE state IN ('new', 'running', 'answered');
CREATE INDEX turns_updated ON turns (updated_at);
CREATE TABLE history (
    turn INTEGER NOT NULL REFERENCES turns (id),
    position INTEGER NOT NULL,
    conversation TEXT NOT NULL,
    role TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (turn, position)
);
CREATE INDEX history_conversation ON history (conversation, turn, position);
