"""Tests of messengers/."""
