"""WHERE things are said: one folder per messenger, and what they share."""
