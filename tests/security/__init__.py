"""Tests of the security musts that cut across modules; docs/security.md says which must is kept by which test."""
