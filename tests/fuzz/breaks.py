"""Mistakes made on purpose in copies of the fuzzed sources: each must be found within seconds."""
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Break:
    """What is replaced by what, and the target that must find it."""

    target: str
    name: str
    words: str
    file: str
    old: str
    new: str


BREAKS = (
    Break("codec", "skips-a-byte", "looks for the newline one byte too late", "codec.c",
          "memchr(data + scanned, '\\n', end - scanned)",
          "memchr(data + scanned + !!scanned, '\\n', end - scanned - !!scanned)"),
    Break("codec", "a-byte-too-long", "takes a line of one byte too many", "codec.c",
          "return (Codec){find_line, limit + 1};", "return (Codec){find_line, limit + 2};"),
    Break("codec", "half-a-header", "reads the length before it is whole", "codec.c",
          "if (size < sizeof(payload))", "if (size < sizeof(payload) - 1)"),
    Break("codec", "overflow", "adds the header to a huge length", "codec.c",
          "ntohl(payload) > longest - sizeof(payload)",
          "(uint32_t)(ntohl(payload) + sizeof(payload)) > longest"),
    Break("codec", "early", "hands up a message that lacks its last byte", "codec.c",
          "return length <= size ? (ssize_t)length", "return length <= size + 1 ? (ssize_t)length"),
    Break("buffer", "moves-too-little", "has less room than it thinks", "buffer.c",
          "if (extra <= block->capacity - block->end)",
          "if (extra <= block->capacity - size)"),
    Break("buffer", "forgets-the-front", "copies from the wrong place when it moves", "buffer.c",
          "memcpy(block->data, buffer_front(buffer), size);",
          "memcpy(block->data, buffer->block->data, size);"),
    Break("buffer", "keeps-memory", "keeps the memory of an empty buffer", "buffer.c",
          "if (block->begin == block->end)\n        buffer_reset(buffer);",
          "if (block->begin == block->end)\n        block->begin = block->end = 0;"),
    Break("http", "forgets-the-cut", "misses an empty line that was cut in two", "http_server.c",
          "if (ends_empty_line(data, at))", "if (ends_empty_line(data + scanned, at))"),
    Break("http", "looks-before", "looks at the byte before the first", "http_server.c",
          "if (newline > data && newline[-1] == '\\r')", "if (newline[-1] == '\\r')"),
    Break("http", "two-hosts", "takes a second Host", "http_server.c",
          "return request->hosts++ == 0;", "return request->hosts++ < 2;"),
    Break("http", "blank-before-colon", "takes a blank before the colon", "http_server.c",
          "Slice name = span(at, TOKEN);\n", "Slice name = span(at, TOKEN);\n"
          "        span(at, BLANK);\n"),
    Break("http", "bare-cr", "takes a CR within a value", "http_server.c",
          "in_class[VALUE][c] = c == '\\t' ||", "in_class[VALUE][c] = c == '\\t' || c == '\\r' ||"),
    Break("http", "hidden-body", "does not see a body announced by Transfer-Encoding",
          "http_server.c", "request->has_body |= is_in_any_case(name, \"Transfer-Encoding\");", ""),
    Break("http", "body-for-head", "sends a body after HEAD", "http_server.c",
          "if (!is(request->method, \"HEAD\"))", "if (!is(request->method, \"HEA\"))"),
)
