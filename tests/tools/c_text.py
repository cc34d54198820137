"""Just enough knowledge of C to tell code from comments and find functions."""

import re

# Comments, strings and characters; whatever starts first wins.
TOKEN = re.compile(r"""//[^\n]*
                     | /\*.*?\*/
                     | "(?:\\.|[^"\\\n])*"
                     | '(?:\\.|[^'\\\n])*'""", re.VERBOSE | re.DOTALL)


def _blank(text):
    """Keeps the ends of lines, so that line numbers stay right."""
    return re.sub(r"[^\n]", " ", text)


def code_only(text):
    """The text with its comments blanked out."""
    def replace(match):
        return _blank(match[0]) if match[0].startswith("/") else match[0]
    return TOKEN.sub(replace, text)


def comments_only(text):
    """The text with all but its comments blanked out."""
    parts, end = [], 0
    for match in TOKEN.finditer(text):
        if match[0].startswith("/"):
            parts += [_blank(text[end:match.start()]), match[0]]
            end = match.end()
    return "".join(parts) + _blank(text[end:])


def comment_lines(text):
    """The words of the comment on each line, without its marks."""
    return [re.sub(r"^(/\*+|\*/|\*|//)|\*/$", "", line.strip()).strip()
            for line in comments_only(text).splitlines()]


def squeezed_code(text):
    """What is left when comments and white space don't count."""
    return re.sub(r"\s+", "", code_only(text))


def functions(text):
    """(name, first line, lines) of each function, from its head to its }.

    Relies on the style that clang-format keeps: the body's braces stand
    alone in the first column.
    """
    lines = code_only(text).splitlines()
    found, opened = [], None
    for number, line in enumerate(lines):
        if line.rstrip() == "{":
            opened = number
        elif line.rstrip() == "}" and opened is not None:
            head = _head(lines, opened)
            name = re.search(r"(\w+)\s*\(", " ".join(lines[head:opened]))
            if name:
                found.append((name[1], head + 1, number - head + 1))
            opened = None
    return found


def _head(lines, opened):
    """The first line of the declaration whose body opens on this line."""
    head = opened
    while head > 0 and re.match(r"[^#}]*[^;\s}]\s*$", lines[head - 1]):
        head -= 1
    return head
