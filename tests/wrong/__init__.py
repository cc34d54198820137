"""Deliberately wrong servers, which prove that the checks can fail."""
