"""Mistakes made on purpose in copies of the stages: what they are, and where they stand."""
