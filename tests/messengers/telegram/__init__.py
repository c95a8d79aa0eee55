"""Tests of messengers/telegram/."""
