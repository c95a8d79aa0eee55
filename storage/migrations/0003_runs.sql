-- How often a turn was begun afresh (a message of its first answer is none of its second), and the model that is to answer
-- it where that isn't the conversation's.
ALTER TABLE turns ADD COLUMN runs INTEGER NOT NULL DEFAULT 0;
ALTER TABLE turns ADD COLUMN model TEXT NOT NULL DEFAULT '';
