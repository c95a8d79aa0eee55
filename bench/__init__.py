"""What is measured, and how. `make bench` prints it; nothing is asserted: what must hold is the tests' affair."""
