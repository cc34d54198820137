"""The wrong servers: what each gets wrong, and the checks that must catch it."""
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wrong:
    """One mistake; `server.c` and its neighbours know it by its name."""

    name: str
    words: str
    caught_by: tuple
    stage: int = 7
    program: str = "echo_server"


def _wrong(name, words, *caught_by, **more):
    return Wrong(name, words, caught_by, **more)


START = (
    _wrong("ready-too-early", "says it is ready before it listens",
           "start.ready_means_a_client_can_connect"),
    _wrong("says-the-port-asked-for", "says port 0 after -p 0", "start.ready_line_gives_the_real_port"),
    _wrong("ready-line-not-flushed", "leaves the ready line in stdio's buffer",
           "start.ready_line_gives_the_real_port"),
    _wrong("listens-everywhere", "binds every address", "start.only_loopback_by_default"),
    _wrong("ignores-port", "lets the system choose whatever -p says", "start.port_and_address_as_asked"),
    _wrong("first-option-counts", "takes the first of two -p", "start.options_in_one_word"),
    _wrong("default-port", "listens on 8080 by default", "start.default_port"),
    _wrong("no-reuseaddr", "forgets SO_REUSEADDR", "start.same_port_again_at_once"),
    _wrong("talks-without-v", "reports clients without -v", "start.silent_without_v"),
    _wrong("silent-close", "reports no close with -v", "start.verbose_reports_open_and_close"),
    _wrong("messages-without-name", "does not put its name before messages",
           "start.verbose_reports_open_and_close", "usage.unknown_option"),
    _wrong("no-brackets", "writes ::1:PORT", "start.ipv6_loopback"),
    _wrong("knows-ipv6-early", "takes an IPv6 address at v02", "start.ipv6_refused", stage=2),
    _wrong("fails-silently", "does not say why it fails", "start_failure.address_in_use",
           "start_failure.address_of_another_host"),
    _wrong("failure-without-reason", "does not give the system's reason",
           "start_failure.address_in_use"),
    _wrong("failure-exits-2", "exits 2 when it can't listen", "start_failure.address_in_use"),
    _wrong("shares-the-port", "lets a second server take the same port (SO_REUSEPORT)",
           "start_failure.two_servers_on_one_port"),
    _wrong("takes-another-port", "takes another port when it may not have the one asked for",
           "start_failure.privileged_port"),
    _wrong("start-unchecked", "does not check epoll_create1 and signalfd",
           "start_failure.too_few_descriptors"),
    _wrong("waits-for-its-reader", "waits until somebody reads its messages",
           "stderr.nobody_reads_it", "stderr.nobody_reads_refusals"),
    _wrong("never-waits", "drops messages that nobody reads at v02", "stderr.stalls_all", stage=2),
    _wrong("extra-line-on-stdout", "prints a second line to stdout", "stop.idle_sigterm"),
)

STOP = (
    _wrong("ignores-sigterm", "ignores SIGTERM", "stop.idle_sigterm"),
    _wrong("forgets-sigint", "dies of SIGINT", "stop.idle_sigint"),
    _wrong("exits-1", "exits 1 after SIGTERM", "stop.idle_sigterm"),
    _wrong("stops-slowly", "takes 2.5 s to stop", "stop.idle_sigterm"),
    _wrong("stops-when-all-have-left", "stops when the last client has left",
           "stop.with_clients_connected"),
    _wrong("stops-when-nobody-talks", "stops only when nobody has talked for a while",
           "stop.while_it_echoes"),
    _wrong("stops-when-output-is-out", "stops when all output is out",
           "stop.while_a_client_does_not_read"),
    _wrong("deaf-for-a-moment", "catches signals only 2 ms after the ready line",
           "stop.signal_at_any_moment"),
    _wrong("now-and-then-deaf", "hears no signal, in one start of twenty", "stop.thousand_times"),
    _wrong("stops-when-it-is-its-turn", "sees to the clients that wait before it stops",
           "busy.stop_overtakes_clients"),
    _wrong("stays-deaf", "goes on ignoring SIGINT if it was ignored at the start",
           "stop.whatever_was_inherited"),
    _wrong("second-signal-kills", "dies of a second signal while it stops",
           "stop.two_signals_at_once"),
    _wrong("dies-of-sigpipe", "does not ignore SIGPIPE", "stop.survives_sigpipe",
           "rude.write_to_a_closed_peer"),
    _wrong("dies-of-eintr", "ends when epoll_wait is interrupted", "stop.survives_a_stop_and_go"),
)

USAGE = (
    _wrong("ignores-unknown-option", "ignores unknown options", "usage.unknown_option"),
    _wrong("forgives-missing-value", "ignores an option without its value", "usage.missing_value"),
    _wrong("ignores-stray-argument", "ignores stray arguments", "usage.stray_argument"),
    _wrong("trusts-numbers", "takes whatever strtol makes of a number",
           "usage.unreadable_or_out_of_range"),
    _wrong("range-ends-early", "refuses the largest -m", "usage.smallest_and_largest"),
    _wrong("usage-exits-1", "exits 1 for wrong use", "usage.unknown_option"),
    _wrong("usage-without-reason", "prints the usage alone", "usage.unknown_option"),
    _wrong("reason-without-usage", "prints the reason alone", "usage.stray_argument"),
    _wrong("knows-later-options", "takes -t at v07", "usage.option_of_a_later_stage"),
    _wrong("help-on-stderr", "prints the help to stderr", "usage.help_on_stdout"),
    _wrong("help-forgets-v", "leaves -v out of the help", "usage.help_on_stdout"),
)

ECHO = (
    _wrong("drops-the-rest-of-a-write", "drops what a short write left",
           "echo.reader_that_starts_late", "slow_reader.pauses_and_resumes_often",
           "slow_reader.gets_every_byte_at_last"),
    _wrong("repeats-after-a-short-write", "sends a byte twice after a short write",
           "echo.reader_that_starts_late", "slow_reader.pauses_and_resumes_often"),
    _wrong("overtakes-what-waits", "writes new bytes before those that wait",
           "echo.reader_that_starts_late"),
    _wrong("stops-at-nul", "takes a 0 for the end", "echo.every_byte_value"),
    _wrong("loses-single-bytes", "loses a read of a single byte", "echo.one_byte_at_a_time"),
    _wrong("loses-a-byte-now-and-then", "loses the last byte of every fourth read", "echo.cut_at_random",
           "echo.eight_megabytes",
           "message.random_sizes_random_cuts", "message.several_megabytes"),
    _wrong("drops-urgent-bytes", "does not set SO_OOBINLINE", "echo.urgent_byte"),
    _wrong("minds-urgent-data", "closes on urgent data", "echo.urgent_byte"),
    _wrong("keeps-empty-connections", "keeps a connection that ended without a word",
           "echo.empty_connections"),
    _wrong("leaks-descriptors", "shuts connections down and does not close them",
           "echo.one_after_the_other", "rude.nothing_left_at_the_end", "rude.reset_at_once"),
    _wrong("closes-with-output-left", "closes at the client's end with output left",
           "half_close.with_megabytes_outstanding"),
    _wrong("closes-on-end", "closes at once when the client ends its side", "half_close.small"),
    _wrong("closes-with-a-reset", "resets instead of closing",
           "half_close.end_of_file_is_not_a_reset"),
    _wrong("listens-after-the-end", "looks for input after the end of it",
           "half_close.does_not_spin_meanwhile"),
)

MANY = (
    _wrong("serves-all-early", "serves a second client at v01", "many.second_client_waits", stage=1),
    _wrong("blocks-on-a-newcomer", "waits for a newcomer's first byte",
           "many.silent_clients_delay_nobody"),
    _wrong("waits-for-whole-lines", "waits for the rest of a line",
           "many.half_a_message_delays_nobody"),
    _wrong("serves-256", "serves no more than 256 clients", "many.a_thousand_at_once",
           "connection_limit.none_by_default"),
    _wrong("greets-with-old-bytes", "sends old bytes to a client on a used descriptor",
           "many.some_leave_some_stay"),
    _wrong("mixes-clients", "now and then answers the other client", "many.two_big_streams"),
    _wrong("exits-on-a-reset", "ends when a client resets", "rude.reset_after_sending",
           "rude.leave_with_replies_unread", "rude.others_go_on", "http.rude_clients"),
    _wrong("forgets-reset-clients", "forgets to close after an error",
           "rude.vanish_while_server_writes", "rude.reset_after_half_close",
           "slow_reader.reset_while_paused"),
    _wrong("minds-early-resets", "ends when a client has gone before it is accepted",
           "rude.resets_and_newcomers_at_once"),
    _wrong("one-at-a-time", "goes on with one client for as long as that sends",
           "flood.polite_client_is_served"),
    _wrong("leaks-memory", "frees no connection", "rude.memory_after_many_clients"),
)

LIMITS = (
    _wrong("one-too-many", "-c N serves N + 1", "connection_limit.one_more_is_closed_at_once"),
    _wrong("one-too-few", "-c N serves N - 1", "connection_limit.one_more_is_closed_at_once"),
    _wrong("full-and-silent", "does not say that -c is reached",
           "connection_limit.one_more_is_closed_at_once"),
    _wrong("lets-the-excess-wait", "neither serves nor closes the one too many",
           "connection_limit.one_more_is_closed_at_once"),
    _wrong("count-never-falls", "does not count those that leave",
           "connection_limit.room_after_one_has_left"),
    _wrong("exits-when-full", "ends when descriptors run out",
           "descriptors.newcomers_are_closed_at_once", "descriptors.room_after_some_have_left"),
    _wrong("spins-when-full", "tries accept again and again",
           "descriptors.newcomers_are_closed_at_once"),
    _wrong("closes-an-old-client", "makes room by closing an old client",
           "descriptors.storm_of_newcomers"),
    _wrong("turns-away-early", "closes newcomers at v05", "descriptors.newcomer_waits", stage=5),
    _wrong("spins-when-full", "tries accept again and again at v05",
           "descriptors.newcomer_waits", stage=5),
    _wrong("never-listens-again", "does not listen again after a rest",
           "descriptors.newcomer_waits", stage=5),
    _wrong("says-it-each-time", "says that it is full at each attempt",
           "descriptors.says_so_once", stage=5),
    _wrong("silent-when-full", "does not say that descriptors have run out",
           "descriptors.says_so_once", stage=5),
    _wrong("forgets-fd-setsize", "takes descriptors beyond FD_SETSIZE",
           "fd_setsize.clients_beyond_are_refused", stage=2, program="select_server"),
)

SLOW = (
    _wrong("stalls-nobody-early", "has back-pressure at v06", "slow_reader.stalls_the_others",
           stage=6),
    _wrong("blocks-in-write", "writes with blocking sockets", "slow_reader.delays_nobody"),
    _wrong("no-high-water-mark", "buffers without bound", "slow_reader.bounded_memory",
           "slow_reader.delays_nobody"),
    _wrong("ignores-the-mark", "ignores -b", "slow_reader.mark_decides_how_much_is_taken"),
    _wrong("pauses-for-ever", "does not read again after a pause",
           "slow_reader.gets_every_byte_at_last"),
    _wrong("overlooks-hang-ups", "ignores a hang-up while reading is paused",
           "slow_reader.reset_while_paused"),
    _wrong("minds-hang-ups", "waits for EPOLLRDHUP while reading is paused",
           "slow_reader.half_close_while_paused"),
    _wrong("listens-while-paused", "looks for input while reading is paused",
           "slow_reader.asleep_while_paused"),
    _wrong("forgets-what-was-read", "handles waiting messages only when new input comes",
           "slow_reader.messages_wait_as_well", "unfinished.whole_ones_wait_for_their_turn"),
    _wrong("watches-anew", "calls epoll_ctl for each message", "cost.system_calls_for_a_message"),
    _wrong("keeps-buffers", "keeps the memory of empty buffers",
           "idle_memory.given_back_after_a_burst"),
    _wrong("large-connections", "sets aside 16 KiB for each connection",
           "idle_memory.idle_connections_are_small"),
    _wrong("waits-to-write-for-ever", "always looks for room to write",
           "asleep.no_thread_wakes_up"),
    _wrong("wakes-up-often", "looks for work every 5 ms", "asleep.no_thread_wakes_up"),
)

MESSAGES = (
    _wrong("one-message-a-read", "handles one message for each read", "message.run_together",
           "message.whole_ones_before_a_part"),
    _wrong("trusts-a-partial-header", "reads the length before it is whole",
           "message.cut_at_every_byte"),
    _wrong("no-framing", "echoes at once whatever comes", "message.nothing_before_it_is_whole"),
    _wrong("limit-one-too-small", "refuses messages of exactly -m bytes",
           "message.exactly_the_longest"),
    _wrong("limit-one-too-large", "takes messages of -m + 1 bytes", "too_long.one_byte_over"),
    _wrong("refuses-empty-messages", "takes a length of 0 for an error", "message.run_together"),
    _wrong("host-byte-order", "reads the length in the host's order", "message.byte_by_byte"),
    _wrong("searches-again", "searches a long line from its start for each piece",
           "message.long_line_in_small_pieces"),
    _wrong("refusal-drops-replies", "drops waiting replies when it refuses",
           "too_long.after_good_ones"),
    _wrong("refusal-cuts-output", "drops the output that waits when it refuses",
           "too_long.replies_outstanding"),
    _wrong("refuses-silently", "does not say that it refuses", "too_long.one_byte_over"),
    _wrong("refusal-resets", "closes with unread input when it refuses",
           "too_long.though_it_goes_on_sending"),
    _wrong("finds-too-long-at-the-end-only", "waits for the end of an endless line",
           "too_long.refused_before_it_is_whole"),
    _wrong("signed-length", "takes a huge length for a negative one",
           "too_long.largest_length_there_is"),
    _wrong("length-overflow", "adds the header to a huge length", "too_long.largest_length_there_is"),
    _wrong("buffers-what-it-refused", "buffers what comes after a refusal",
           "too_long.is_not_buffered"),
    _wrong("sets-memory-aside", "sets memory aside for an announced message",
           "too_long.large_limit_takes_no_memory"),
    _wrong("answers-the-unfinished", "echoes an unfinished message", "unfinished.end_in_mid_message"),
    _wrong("end-drops-waiting-messages", "drops waiting messages at the client's end",
           "unfinished.whole_ones_wait_for_their_turn"),
    _wrong("no-delay", "ignores -d", "handler.takes_its_time", "handler.stalls_everyone"),
    _wrong("handles-all-before-it-stops", "handles all waiting messages before it stops",
           "handler.stops_after_the_message_in_hand"),
    _wrong("two-threads", "has a second thread", "handler.one_thread"),
    _wrong("evicts-early", "closes a silent client at v07", "handler.silent_client_is_kept"),
)


def _http(name, words, *caught_by):
    return Wrong(name, words, caught_by, program="http_server")


HTTP = (
    _http("http-hello-newline", "adds a newline to the body", "http.get"),
    _http("http-length-off-by-one", "gives the length of the body plus one", "http.get"),
    _http("http-late-date", "gives a date an hour off", "http.date"),
    _http("http-body-after-head", "sends a body after HEAD", "http.head"),
    _http("http-case-sensitive", "minds the case of `close`", "http.close"),
    _http("http-always-closes", "closes after each response", "http.keep_alive"),
    _http("http-close-unsaid", "closes without saying so", "http.close"),
    _http("http-ignores-close", "answers what comes after Connection: close",
          "http.nothing_after_close"),
    _http("one-message-a-read", "answers one request for each read", "http.pipelining",
          "http.pipelining_then_half_close"),
    _http("drops-the-rest-of-a-write", "drops what a short write left",
          "http.client_that_does_not_read"),
    _http("http-needs-large-pieces", "takes a first piece under 5 bytes for a bad request",
          "http.cut_at_every_byte"),
    _http("http-empty-line", "refuses an empty line before a request", "http.forms_of_a_request"),
    _http("http-no-absolute-form", "does not know the absolute form", "http.forms_of_a_request"),
    _http("http-answers-the-unfinished", "answers an unfinished request with 400",
          "http.unfinished_request"),
    _http("blocks-on-a-newcomer", "waits for a newcomer's first byte", "http.many_at_once"),
    _http("http-length-off-by-one", "gives a wrong length", "http.curl"),
    _http("http-any-path", "answers every path", "http_limits.other_paths"),
    _http("http-405-without-allow", "forgets Allow", "http_limits.other_methods"),
    _http("http-needs-no-host", "takes HTTP/1.1 without Host", "http_limits.bad_requests"),
    _http("http-space-before-colon", "takes a blank before the colon", "http_limits.bad_requests"),
    _http("http-folds", "takes a folded field", "http_limits.bad_requests"),
    _http("http-bare-cr", "takes a bare CR", "http_limits.bad_requests"),
    _http("http-any-version", "answers HTTP/2.0 like HTTP/1.1", "http_limits.other_versions"),
    _http("http-goes-on-after-400", "goes on after a bad request",
          "http_limits.good_ones_before_a_bad_one"),
    _http("http-no-head-limit", "takes a head of any length", "http_limits.head_too_long"),
    _http("http-head-limit", "takes a head of 8 KiB and a byte", "http_limits.head_of_8_kib"),
    _http("refusal-resets", "closes with unread input when it refuses",
          "http_limits.head_too_long_goes_on", "http_limits.body_that_goes_on"),
    _http("http-takes-bodies", "answers a request with a body", "http_limits.request_with_a_body",
          "http_limits.body_is_not_a_request"),
    _http("http-rare-404", "answers every thousandth request with 404", "http.wrk"),
)

CATALOGUE = START + STOP + USAGE + ECHO + MANY + LIMITS + SLOW + MESSAGES + HTTP

# Parts for the C unit checks: the newest stage's own, with one call that does too little.
PARTS = (
    ("short-copy", "buffer.c", "#define memcpy(to, from, n) memcpy(to, from, (n) ? (n) - 1 : 0)",
     "units.buffer"),
    ("short-search", "codec.c", "#define memchr(in, c, n) memchr(in, c, (n) ? (n) - 1 : 0)",
     "units.codec"),
)
