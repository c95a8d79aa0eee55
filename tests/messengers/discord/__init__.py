"""Tests of messengers/discord."""
