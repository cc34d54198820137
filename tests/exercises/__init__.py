"""Exercises: working copies of the stages, what judges them, and how far a reader is."""
