"""Tests of operations/."""
