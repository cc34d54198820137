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
          "return request->hosts <= 1 &&", "return request->hosts <= 2 &&"),
    Break("http", "blank-before-colon", "takes a blank before the colon", "http_server.c",
          "Slice name = span(at, is_token);\n", "Slice name = span(at, is_token);\n"
          "        span(at, isblank);\n"),
    Break("http", "bare-cr", "takes a CR within a value", "http_server.c",
          "return c == '\\t' ||", "return c == '\\t' || c == '\\r' ||"),
    Break("http", "hidden-body", "does not see a body announced by Transfer-Encoding",
          "http_server.c", "request->has_codings = true;", ""),
    Break("http", "body-for-head", "sends a body after HEAD", "http_server.c",
          "if (!is(request->method, \"HEAD\"))", "if (!is(request->method, \"HEA\"))"),
    Break("http", "userinfo", "takes a user's name for a host's", "http_server.c",
          "\"\\\"#%/:<>?@[", "\"\\\"#%/:<>?["),
    Break("http", "half-an-escape", "takes % with one hexadecimal digit", "http_server.c",
          " &&\n           isxdigit((unsigned char)at[2])", ""),
    Break("http", "any-literal", "takes anything in brackets for an IPv6 address", "http_server.c",
          "inet_pton(AF_INET6, text, &address) == 1 &&",
          "inet_pton(AF_INET6, text, &address) >= 0 &&"),
    Break("http", "after-chunked", "lets a coding follow chunked", "http_server.c",
          "if (request->ends_chunked)", "if (0)"),
    Break("http", "two-lengths", "takes Content-Length beside Transfer-Encoding", "http_server.c",
          "request->lengths > 0 || ", ""),
    Break("http", "no-coding", "takes an empty Transfer-Encoding for chunked", "http_server.c",
          "request->ends_chunked ? &too_large : &bad_request", "&too_large"),
    Break("http", "waits-for-the-end", "refuses a bad first line when its head ends",
          "http_server.c", "if (first && refuse_line", "if (0 && first && refuse_line"),
    Break("http", "looks-once", "does not look at a first line that was cut", "http_server.c",
          "memchr(data, '\\n', scanned) == NULL", "scanned == 0"),
    Break("http", "short-line", "takes a bad first line of two bytes for an empty one",
          "http_server.c", "if (skip_line_end(&at))", "if (skip_line_end(&at) || size <= 2)"),
)
