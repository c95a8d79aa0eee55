"""WHO answers: one module per protocol."""
