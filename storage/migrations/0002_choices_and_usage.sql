-- What is chosen for a conversation, and what people used on a day. `drawn`: pictures of a turn that were sent already;
-- `part_of`: the turn that this one was put together with.
CREATE TABLE conversations (
    conversation TEXT PRIMARY KEY,
    begins_after INTEGER NOT NULL DEFAULT 0,
    model TEXT NOT NULL DEFAULT '',
    system_prompt TEXT NOT NULL DEFAULT ''
);
CREATE TABLE usage (
    day TEXT NOT NULL,
    who TEXT NOT NULL,
    messages INTEGER NOT NULL DEFAULT 0,
    images INTEGER NOT NULL DEFAULT 0,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (day, who)
);
ALTER TABLE turns ADD COLUMN drawn INTEGER NOT NULL DEFAULT 0;
ALTER TABLE turns ADD COLUMN part_of INTEGER;
