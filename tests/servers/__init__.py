"""Stand-ins for the servers that the bot talks to: real HTTP on loopback, steered by the tests."""
