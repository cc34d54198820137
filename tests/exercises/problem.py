"""What stops a command: one line, and exit status 2."""


class Problem(Exception):
    """The line."""
