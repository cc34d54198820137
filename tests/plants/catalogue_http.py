"""Plants: http_server."""
from __future__ import annotations

from plants.plant import plant

_FILE = "http_server.c"
_LAST = "return request->is_root ? 200 : 404;"


def _http(name, words, old, new, *caught_by, **more):
    return plant(7, f"http-{name}", words, _FILE, old, new, *caught_by, program="http_server",
                 **more)


HTTP = (
    _http("hello-newline", "adds a newline to the body", '"Hello, World!", false',
          '"Hello, World!\\n", false', "http.get"),
    _http("length-off-by-one", "gives the length of the body plus one", '"200 OK", "13"',
          '"200 OK", "14"', "http.get", "http.curl"),
    _http("late-date", "gives a date an hour off", "time_t now = time(NULL);",
          "time_t now = time(NULL) + 3600;", "http.date"),
    _http("body-after-head", "sends a body after HEAD", "if (!request->is_head)", "if (1)",
          "http.head"),
    _http("case-sensitive", "minds the case of `close`", 'strcasecmp(option, "close")',
          'strcmp(option, "close")', "http.close"),
    _http("always-closes", "closes after each response",
          "bool last = response->last ||", "bool last = true || response->last ||",
          "http.keep_alive"),
    _http("close-unsaid", "closes without saying so", '? "Connection: close\\r\\n\\r\\n"',
          '? "\\r\\n"', "http.close"),
    _http("ignores-close", "answers what comes after Connection: close",
          "    if (last)\n        connection_finish", "    if (0)\n        connection_finish",
          "http.nothing_after_close"),
    _http("needs-large-pieces", "takes a first piece under 5 bytes for a bad request",
          "    const char *end = data + (size < longest ? size : longest);\n",
          "    const char *end = data + (size < longest ? size : longest);\n\n"
          "    if (size < 5)\n        return (ssize_t)size;\n", "http.cut_at_every_byte"),
    _http("empty-line", "refuses an empty line before a request", "if (is_empty_line(data))",
          "if (data == NULL)", "http.forms_of_a_request"),
    _http("no-absolute-form", "does not know the absolute form",
          'if (strncasecmp(path, "http://", strlen("http://")) == 0)', "if (0)",
          "http.forms_of_a_request"),
    _http("any-path", "answers every path", _LAST, "return 200;", "http_limits.other_paths"),
    _http("405-without-allow", "forgets Allow", "\\r\\nAllow: GET, HEAD", "",
          "http_limits.other_methods"),
    _http("needs-no-host", "takes HTTP/1.1 without Host",
          "return request->hosts > 0 || request->is_old;", "return true;",
          "http_limits.bad_requests"),
    _http("space-before-colon", "takes a blank before the colon", "!consists_of(name, TOKEN)",
          '!consists_of(name, TOKEN " ")', "http_limits.bad_requests"),
    _http("folds", "takes a folded field", "if (at == NULL || !parse_field(request, line))",
          "if (at == NULL || (!isblank((unsigned char)line[0]) &&\n"
          "                           !parse_field(request, line)))", "http_limits.bad_requests"),
    _http("bare-cr", "takes a CR within a value", "&& line[i] != '\\t')",
          "&& line[i] != '\\t' && line[i] != '\\r')", "http_limits.bad_requests"),
    _http("any-version", "answers HTTP/2.0 like HTTP/1.1",
          'strncmp(line, "HTTP/1.", 7) != 0', 'strncmp(line, "HTTP/", 5) != 0',
          "http_limits.other_versions"),
    _http("goes-on-after-400", "goes on after a bad request", '"Bad request\\n", true',
          '"Bad request\\n", false', "http_limits.good_ones_before_a_bad_one"),
    _http("no-head-limit", "takes a head of any length", "LONGEST_HEAD = 8192",
          "LONGEST_HEAD = 819200", "http_limits.head_too_long"),
    _http("head-limit", "takes a head of 8 KiB and a byte", "LONGEST_HEAD = 8192",
          "LONGEST_HEAD = 8193", "http_limits.head_of_8_kib"),
    _http("takes-bodies", "answers a request with a body", "if (coded || request->has_content)",
          "if (0)", "http_limits.request_with_a_body", "http_limits.body_is_not_a_request"),
    _http("rare-404", "answers every thousandth request with 404", _LAST,
          "static int turn;\n    return request->is_root && ++turn % 1000 ? 200 : 404;",
          "http.wrk"),
)

_FIRST = "(line == data && !parse_first_line(&(Request){0}, data))"

STRICT = (
    _http("every-colon", "takes the last colon of an IPv6 address for a port's",
          "if (colon != NULL && colon[1 + strspn(colon + 1, DIGITS)] == '\\0')",
          "if (colon != NULL)", "http_strict.hosts"),
    _http("waits-for-the-end", "refuses a bad first line when its head ends", _FIRST,
          _FIRST.replace("(line", "(0 && line"), "http_strict.first_line_at_once"),
    _http("first-line-is-enough", "takes each first line for a whole message", _FIRST,
          "line == data", "http_strict.good_first_line_waits"),
    _http("refused-without-a-word", "closes a client too many without a word", ".refusal =",
          ".refusal = 1 ? NULL :", "http_strict.one_client_too_many"),
    _http("any-host", "takes whatever stands behind Host:",
          "(value[0] == '\\0' || is_authority(value));", "true;", "http_strict.bad_hosts"),
    _http("port-alone", "takes a port alone for a host", "return at > text && *at == '\\0';",
          "return *at == '\\0';", "http_strict.bad_hosts"),
    _http("userinfo", "takes a user's name for a host's", '#define HOST "!', '#define HOST "@!',
          "http_strict.bad_targets"),
    _http("star-for-all", "takes GET * for a request of the server",
          'bool star = strcmp(method, "OPTIONS") == 0 &&', "bool star =",
          "http_strict.options_for_the_server"),
    _http("after-chunked", "lets a coding follow chunked",
          "if (request->ends_chunked || !consists_of", "if (!consists_of",
          "http_strict.transfer_codings"),
    _http("two-lengths", "takes Content-Length beside Transfer-Encoding",
          "(request->lengths > 0 || request->is_old)", "request->is_old",
          "http_strict.two_lengths"),
)

PLANTS = HTTP + STRICT
