-- Why a turn was given up. What is deleted after its time must not be asked for again where a messenger tells what was
-- missed: the newest message of each place stays known, by its number alone.
ALTER TABLE turns ADD COLUMN reason TEXT NOT NULL DEFAULT '';
CREATE INDEX turns_dead ON turns (id) WHERE state = 'dead';
CREATE INDEX turns_conversation ON turns (conversation, id);
CREATE TABLE seen (
    messenger TEXT NOT NULL,
    place TEXT NOT NULL,
    message INTEGER NOT NULL,
    PRIMARY KEY (messenger, place)
);
