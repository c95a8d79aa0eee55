"""What comes from outside, bent by Hypothesis: a few examples in the suite, many by `python -m tests.fuzz`."""
