"""Tests of the providers: the stream reader, what failures mean, and the contract against a real local server."""
