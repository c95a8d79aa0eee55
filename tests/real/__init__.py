"""Providers against the real programs that speak their protocols, installed on demand: `make test-providers`."""
