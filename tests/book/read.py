#!/usr/bin/env python3
"""Serve the book on 127.0.0.1 until Ctrl-C.

The port is 8080, that of --port or that of PORT; 0, or a port that is taken: a free one.
"""
import argparse
import functools
import http.server
import os
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Hands out files, and prints nothing unless something is wrong."""

    def log_request(self, code="-", size="-"):
        pass

    def end_headers(self):
        self.send_header("Cache-Control", "no-cache")  # a book that was built anew is seen at once
        super().end_headers()


class Server(http.server.ThreadingHTTPServer):
    """One thread for each connection; none of them keeps the program alive."""

    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request, client_address):
        """Say nothing of a reader who went away in the middle of a page."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def port_of(words):
    """Return the port that the words name."""
    if not words.isdigit() or int(words) > 65535:
        raise argparse.ArgumentTypeError(f"{words!r} is no port; want 0 to 65535")
    return int(words)


def options():
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--port", type=port_of, default=os.environ.get("PORT") or "8080")
    parser.add_argument("--book", type=Path, metavar="FOLDER",
                        default=os.environ.get("BOOK") or ROOT / "build/book")
    return parser.parse_args()


def open_server(folder, port):
    """Listen on the port, or on a free one when that is taken."""
    handler = functools.partial(Quiet, directory=str(folder))
    try:
        return Server((HOST, port), handler)
    except OSError as error:
        server = Server((HOST, 0), handler)
        print(f"port {port}: {error.strerror}; a free one is used", file=sys.stderr)
        return server


def stop(*_):
    raise KeyboardInterrupt


def main():
    args = options()
    if not (args.book / "index.html").exists():
        print("there is no book yet: make book", file=sys.stderr)
        return 2
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        with open_server(args.book, args.port) as server:
            print(f"the book is at http://{HOST}:{server.server_address[1]}/", flush=True)
            server.serve_forever()
    except KeyboardInterrupt:
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
