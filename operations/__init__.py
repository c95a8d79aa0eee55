"""What keeps the bot running: lanes, the outbox, log and redaction, health."""
