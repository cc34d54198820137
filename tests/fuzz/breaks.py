"""Plants that the fuzzer must find within seconds; `caught_by` is the target that finds it."""
from __future__ import annotations

from plants.plant import plant


def _plant(target, name, words, file, old, new):
    return plant(10, name, words, file, old, new, target)


def _http(name, words, old, new):
    return _plant("http", name, words, "http_server.c", old, new)


_FIRST = "(line == data && !parse_first_line(&(Request){0}, data))"

PLANTS = (
    _plant("codec", "skips-a-byte", "looks for the newline one byte too late", "codec.c",
           "memchr(data + scanned, '\\n', end - scanned)",
           "memchr(data + scanned + !!scanned, '\\n', end - scanned - !!scanned)"),
    _plant("codec", "a-byte-too-long", "takes a line of one byte too many", "codec.c",
           "{find_line, limit + 1}", "{find_line, limit + 2}"),
    _plant("codec", "half-a-header", "reads the length before it is whole", "codec.c",
           "if (size < sizeof(payload))", "if (size < sizeof(payload) - 1)"),
    _plant("codec", "overflow", "adds the header to a huge length", "codec.c",
           "ntohl(payload) > longest - sizeof(payload)",
           "(uint32_t)(ntohl(payload) + sizeof(payload)) > longest"),
    _plant("codec", "early", "hands up a message that lacks its last byte", "codec.c",
           "return length <= size ?", "return length <= size + 1 ?"),
    _plant("buffer", "moves-too-little", "has less room than it thinks", "buffer.c",
           "if (extra <= block->capacity - block->end)", "if (extra <= block->capacity - size)"),
    _plant("buffer", "forgets-the-front", "copies from the wrong place when it moves", "buffer.c",
           "memcpy(block->data, buffer_front(buffer), size);",
           "memcpy(block->data, buffer->block->data, size);"),
    _plant("buffer", "keeps-memory", "keeps the memory of an empty buffer", "buffer.c",
           "        buffer_reset(buffer);", "        block->begin = block->end = 0;"),
    _http("forgets-the-cut", "takes the place of a cut for the beginning of a line",
          "const char *line = before == NULL ? data : before + 1;",
          "const char *line = before == data ? data : data + scanned;"),
    _http("two-hosts", "takes a second Host", "return request->hosts++ == 0 &&",
          "return request->hosts++ <= 1 &&"),
    _http("blank-before-colon", "takes a blank before the colon", "!consists_of(name, TOKEN)",
          '!consists_of(name, TOKEN " ")'),
    _http("bare-cr", "takes a CR within a value", "&& line[i] != '\\t')",
          "&& line[i] != '\\t' && line[i] != '\\r')"),
    _http("hidden-body", "does not see a body announced by Transfer-Encoding",
          "bool coded = request->ends_chunked ||", "bool coded ="),
    _http("body-for-head", "sends a body after HEAD of HTTP/1.0", "if (!request->is_head)",
          "if (!request->is_head || request->is_old)"),
    _http("userinfo", "takes a user's name for a host's", '#define HOST "!', '#define HOST "@!'),
    _http("half-an-escape", "takes % with one hexadecimal digit",
          "strspn(at + 1, HEX_DIGITS) < 2", "strspn(at + 1, HEX_DIGITS) < 1"),
    _http("any-literal", "takes anything in brackets for an IPv6 address",
          "return inet_pton(AF_INET6, text, &address) == 1;",
          "return inet_pton(AF_INET6, text, &address) >= 0;"),
    _http("after-chunked", "lets a coding follow chunked",
          "if (request->ends_chunked || !consists_of", "if (!consists_of"),
    _http("two-lengths", "takes Content-Length beside Transfer-Encoding",
          "(request->lengths > 0 || request->is_old)", "request->is_old"),
    _http("no-coding", "takes an empty Transfer-Encoding for none",
          "    return request->ends_chunked || request->has_unknown;", "    return true;"),
    _http("waits-for-the-end", "refuses a bad first line when its head ends", _FIRST,
          _FIRST.replace("(line", "(0 && line")),
    _http("looks-once", "does not look at a first line that was cut", _FIRST,
          _FIRST.replace("(line", "(scanned == 0 && line")),
    _http("short-line", "takes a bad first line of two bytes for an empty one",
          "if (is_empty_line(data))", "if (is_empty_line(data) || size <= 2)"),
)
