"""Tests of messengers/telegram/reading.py: updates as Telegram tells them, in; what somebody said, out."""
