"""Files of a folder over HTTP: the right ones alone, whole, and by sendfile."""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from exercises.marks import judges
from harness.check import Check
from harness.client import difference, noise
from harness.http import Reader
from harness.server import Broken
from harness.spec import ONLY_HTTP

SECRET = b"nobody may read this"
SMALL = b"a small file\n"
MEGABYTE = 1 << 20
TURN = 2 * MEGABYTE     # one is asked for


class SendfileServer(Check):
    group = "sendfile_server"

    # -- helpers ------------------------------------------------------------

    def site(self) -> Path:
        """A folder to serve, and secrets around it."""
        top = Path(tempfile.mkdtemp(prefix="site-"))
        self.addCleanup(shutil.rmtree, top)
        top.chmod(0o755)        # the server may run as another user
        folder = top / "site"
        (folder / "deep" / "er").mkdir(parents=True)
        (top / "site-next").mkdir()
        for secret in (top / "secret.txt", top / "site-next" / "secret.txt"):
            secret.write_bytes(SECRET)
        (folder / "index.html").write_bytes(b"<p>welcome</p>\n")
        (folder / "small.txt").write_bytes(SMALL)
        (folder / "two words.txt").write_bytes(b"two words\n")
        (folder / "empty.txt").write_bytes(b"")
        (folder / "deep" / "er" / "data.bin").write_bytes(noise(70_000))
        return folder

    def large(self, folder: Path, megabytes: int) -> bytes:
        """A large file in the folder, big.bin; returns what is in it."""
        data = noise(MEGABYTE) * megabytes
        (folder / "big.bin").write_bytes(data)
        return data

    def ask(self, client, path: str, method="GET", version="1.1", more=""):
        client.send(f"{method} {path} HTTP/{version}\r\nHost: a\r\n{more}\r\n".encode())

    def answer(self, reader, head_only=False):
        """The next response; its body is read in large pieces."""
        response = reader.response(head_only=True)
        size = 0 if head_only else int(response.fields.get("content-length", "0"))
        response.body, reader.data = reader.data[:size], reader.data[size:]
        response.body += reader.client.read(size - len(response.body))
        return response

    def get(self, reader, path: str, method="GET", more=""):
        self.ask(reader.client, path, method, more=more)
        return self.answer(reader, method == "HEAD")

    def expect_file(self, response, data: bytes, about: str):
        if response.status != 200:
            raise Broken(f"{about}: expected status 200 and a file, got {response.head!r}")
        if response.fields.get("content-length") != str(len(data)):
            raise Broken(f"{about}: the file has {len(data):,} bytes; the head says "
                         f"{response.head!r}")
        wrong = difference(data, response.body)
        if wrong:
            raise Broken(f"{about}: the head is right, and of the body {wrong}")

    def small(self, server, about: str):
        """A new client gets a small file."""
        reader = Reader(self.connect(server))
        self.expect_file(self.get(reader, "/small.txt"), SMALL, about)
        reader.client.close()

    def trace(self, server, act, *options) -> str:
        """What strace says of the server while something is done."""
        strace = self.need("strace")
        out = tempfile.NamedTemporaryFile(prefix="strace-")
        self.addCleanup(out.close)
        trace = subprocess.Popen([strace, "-f", "-qq", *options, "-o", out.name, "-p",
                                  str(server.process.pid)], stderr=subprocess.PIPE, text=True)
        self.addCleanup(trace.communicate)
        self.addCleanup(trace.terminate)
        before = server.fds()

        def follows():      # knock until strace sees it
            if trace.poll() is None:
                client = self.connect(server)
                client.half_close()
                client.rest()
                client.close()
            return trace.poll() is not None or "accept" in written(out)

        self.becomes(follows)
        if trace.poll() is not None:
            self.skipTest(f"strace may not trace here: {trace.stderr.read().strip()}")
        self.becomes(lambda: server.fds() <= before)
        begin = len(written(out))
        act()
        trace.terminate()
        trace.wait()
        return written(out)[begin:]

    def traced_file(self, *args):
        """strace's text for one file of a few megabytes, and the file's descriptors."""
        folder = self.site()
        data = self.large(folder, 6)
        server = self.serve("-s", folder, *args)
        reader = Reader(self.connect(server))
        text = self.trace(server, lambda: self.expect_file(
            self.get(reader, "/big.bin"), data, "GET /big.bin"))
        opened = re.findall(r"open(?:at2?)?\([^\n]*big\.bin[^\n]*= (\d+)$", text, re.M)
        if not opened:
            raise Broken("the file was sent, and strace shows no open of it")
        return text, opened

    # -- which files ----------------------------------------------------------

    @judges(ONLY_HTTP)
    def files(self):
        """GET and HEAD of files, large and empty, on one connection; 404 for what is none."""
        server = self.serve("-s", self.site())
        reader = Reader(self.connect(server))
        for path, data in (("/small.txt", SMALL), ("/empty.txt", b""), ("/small.txt?x=1", SMALL),
                           ("/deep/er/data.bin", noise(70_000)), ("/", b"<p>welcome</p>\n"),
                           ("/two%20words.txt", b"two words\n"), ("/%73mall.txt", SMALL)):
            self.expect_file(self.get(reader, path), data, f"GET {path}")
            response = self.get(reader, path, "HEAD")
            if response.status != 200 or response.fields["content-length"] != str(len(data)):
                raise Broken(f"HEAD {path}: the file has {len(data):,} bytes; got "
                             f"{response.head!r}")
        for path in ("/missing.txt", "/deep", "/deep/", "/small.txt/more", "/x" * 2000):
            response = self.get(reader, path)
            if response.status != 404:
                raise Broken(f"GET {path[:60]}, which is no file: expected 404, got "
                             f"{response.head!r}")

    @judges(ONLY_HTTP)
    def types(self):
        """Content-Type: by the end of the name."""
        folder = self.site()
        (folder / "no_end").write_bytes(b"x")
        reader = Reader(self.connect(self.serve("-s", folder)))
        for path, kind in (("/", "text/html"), ("/small.txt", "text/plain"),
                           ("/no_end", "application/octet-stream")):
            found = self.get(reader, path, "HEAD").fields.get("content-type", "(none)")
            if not found.startswith(kind):
                raise Broken(f"HEAD {path}: expected Content-Type: {kind}, got {found}")

    @judges(ONLY_HTTP)
    def nothing_outside(self):
        """No path and no symbolic link leads out of the folder; no FIFO stalls the server."""
        folder = self.site()
        os.symlink(folder.parent / "secret.txt", folder / "link.txt")
        os.symlink("../secret.txt", folder / "relative.txt")
        os.symlink("..", folder / "up")
        os.mkfifo(folder / "pipe")
        server = self.serve("-s", folder)
        outside = folder.parent / "secret.txt"
        for path in ("/../secret.txt", "/deep/../../secret.txt", "/%2e%2e/secret.txt",
                     "/..%2fsecret.txt", "/%2E%2E%2Fsecret.txt", "/../site-next/secret.txt",
                     f"/{outside}", f"/%2f{outside}", "/link.txt", "/relative.txt",
                     "/up/secret.txt", "/up/site-next/secret.txt", "/deep/..%2f../secret.txt",
                     "/small.txt%00.html", "/pipe", "/up", "/.", "/%zz", "/small.txt%"):
            reader = Reader(self.connect(server))
            response = self.get(reader, path)
            if SECRET in response.body:
                raise Broken(f"GET {path}: the server sent a file from outside of its folder")
            if response.status not in (400, 403, 404):
                raise Broken(f"GET {path}: expected 404 (or 403, or 400), got {response.head!r}")
            reader.client.close()
        self.small(server, "after some requests for what is outside of the folder")

    @judges(ONLY_HTTP)
    def wrong_use(self):
        """-s and -x stand in the help; a folder that is not there: exit 1; another -x: exit 2."""
        folder = self.site()
        for name in (folder / "missing", folder / "small.txt"):
            self.refuse("-p", "0", "-s", name, status=1)
        lines = self.refuse("-p", "0", "-s", folder, "-x", "quickly", status=2)
        if "quickly" not in lines[0]:
            raise Broken(f"-x quickly: the first line does not say what is wrong: {lines[0]!r}")
        server = self.start("-h")
        server.wait_exit(self.limit(10))
        for flag in ("-s FOLDER", "-x HOW"):
            if flag not in server.out.text:
                raise Broken(f"-h does not mention {flag}: {server.out.text!r}")

    # -- how they are sent ------------------------------------------------------

    @judges(ONLY_HTTP)
    def in_order(self):
        """Requests sent at once, for large and small files: responses in order, then the end."""
        folder = self.site()
        data = self.large(folder, self.few(8, 3))
        for how in ("sendfile", "mmap"):
            client = self.connect(self.serve("-s", folder, "-x", how))
            for path in ("/small.txt", "/big.bin", "/missing", "/small.txt", "/big.bin"):
                self.ask(client, path)
            self.ask(client, "/small.txt", more="Connection: close\r\n")
            reader = Reader(client)
            for number, body in enumerate((SMALL, data, None, SMALL, data, SMALL), 1):
                response = self.answer(reader)
                if body is not None:
                    self.expect_file(response, body, f"-x {how}, six requests at once, number "
                                     f"{number}")
                elif response.status != 404:
                    raise Broken(f"-x {how}, six requests at once, number {number} for a file "
                                 f"that is not there: {response.head!r}")
            reader.end("the last request had Connection: close")

    @judges(ONLY_HTTP)
    def old_version(self):
        """HTTP/1.0: the file, then the end of the connection, also after a half-close."""
        folder = self.site()
        data = self.large(folder, self.few(8, 3))
        server = self.serve("-s", folder)
        for half_close in (False, True):
            reader = Reader(self.connect(server))
            self.ask(reader.client, "/big.bin", version="1.0")
            if half_close:
                reader.client.half_close()
            self.expect_file(self.answer(reader), data, "GET /big.bin HTTP/1.0"
                             + (", then half-close" if half_close else ""))
            reader.end("HTTP/1.0 without keep-alive")

    @judges(ONLY_HTTP, modes=("plain",))
    def no_byte_is_read(self):
        """strace: sendfile sends the file; nobody reads it or maps it."""
        text, opened = self.traced_file()
        if "sendfile" not in text:
            raise Broken("6 MB were sent, and strace shows no call of sendfile")
        for fd in set(opened):
            calls = re.findall(rf"^.*\b(?:p?read(?:64|v2?)?\({fd},|mmap\([^\n]*, {fd}, 0).*$", text,
                               re.M)
            if calls:
                raise Broken(f"strace: the file's descriptor is {fd}, and there is\n{calls[0]}\n"
                             "  sendfile needs neither read nor mmap")

    @judges(ONLY_HTTP, modes=("plain",))
    def mapped_instead(self):
        """strace, -x mmap: the file is mapped, and sendfile is not called."""
        text, opened = self.traced_file("-x", "mmap")
        if "sendfile(" in text:
            raise Broken("-x mmap, and strace shows calls of sendfile")
        if not any(re.search(rf"\bmmap2?\([^\n]*, {fd}, ", text) for fd in opened):
            raise Broken("-x mmap, and strace shows no mmap of the file's descriptor "
                         f"({', '.join(opened)})")

    @judges(ONLY_HTTP, modes=("plain",))
    def bounded_turn(self):
        """strace: between two waits not more than a bounded part of a file is sent."""
        text, _ = self.traced_file()
        for turn in re.split(r"\bepoll_p?wait2?\(", text):
            sent = sum(int(n) for n in re.findall(r"sendfile\(.*= (\d+)$", turn, re.M))
            asked = [int(n) for n in re.findall(r"sendfile\(.*\], (\d+)\)", turn)]
            if sent > TURN or max(asked, default=0) > TURN:
                raise Broken(f"between two waits {sent:,} bytes of a file were sent, and one call "
                             f"asked for {max(asked, default=0):,}\n  a client that reads fast "
                             "would keep the server to itself; at most 1 MiB a turn is asked for")
        if "sendfile" not in text:
            raise Broken("6 MB were sent, and strace shows no call of sendfile")

    # -- clients, and files that change -------------------------------------------

    @judges(ONLY_HTTP)
    def slow_readers(self):
        """Clients that ask for a large file and do not read: no memory, no delay, no spin."""
        folder = self.site()
        data = self.large(folder, self.few(24, 12))
        for how in ("sendfile", "mmap"):
            server = self.serve("-s", folder, "-x", how)
            self.small(server, "the first client")
            before = server.memory()
            clients = [self.connect(server, rcvbuf=8192) for _ in range(6)]
            for client in clients:
                self.ask(client, "/big.bin")
            self.becomes(lambda: not any(client.quiet(0) for client in clients))
            for _ in range(10):
                self.small(server, f"-x {how}, beside six clients that do not read")
            held = server.memory() - before
            if held > 3 * MEGABYTE and not self.mode.light:
                raise Broken(f"-x {how}, six clients do not read a file of {len(data):,} bytes: "
                             f"the server holds {held:,} bytes of memory for them")
            self.expect_asleep(server, "six clients wait and do not read")
            reader = Reader(clients[0])
            self.expect_file(self.answer(reader), data, f"-x {how}, read late")
            for client in clients[1:]:
                client.reset()

    @judges(ONLY_HTTP)
    def waiting_requests(self):
        """A client asks for a thousand files and does not read: few are open."""
        folder = self.site()
        self.large(folder, 12)
        server = self.serve("-s", folder)
        client = self.connect(server, rcvbuf=8192)
        for _ in range(self.few(1000, 100)):
            self.ask(client, "/big.bin")
        self.becomes(lambda: not client.quiet(0))
        self.small(server, "beside a client that has asked for a thousand files")
        if not self.becomes(lambda: server.fds() <= server.base_fds + 3, 2.0):
            raise Broken(f"one client has asked for large files, many at once, and reads nothing: "
                         f"the server has {server.fds() - server.base_fds} descriptors more open\n"
                         "  is the next request taken before the file before it is out?")

    @judges(ONLY_HTTP)
    def file_becomes_shorter(self):
        """A file is cut off while it is sent: the connection ends, and the server lives."""
        folder = self.site()
        for how in ("sendfile", "mmap"):
            self.large(folder, 16)
            server = self.serve("-s", folder, "-x", how)
            client = self.connect(server, rcvbuf=8192)
            self.ask(client, "/big.bin")
            self.becomes(lambda c=client: not c.quiet(0))
            self.becomes(server.sleeps)
            os.truncate(folder / "big.bin", 1000)
            rest = client.rest()
            if rest.end not in ("end of file", "reset"):
                raise Broken(f"-x {how}: 16 MB were promised, then the file was cut off; "
                             f"{len(rest.got):,} bytes came, then: {rest.end}\n"
                             "  only closing tells the client that no more will come")
            if len(rest.got) > 16 * MEGABYTE:
                raise Broken(f"-x {how}: the file was cut off, and {len(rest.got):,} bytes came")
            client.close()
            self.expect_asleep(server, "the file was cut off and its client has left")
            self.small(server, f"-x {how}, after a file was cut off")

    @judges(ONLY_HTTP, modes=("plain",))
    def larger_than_32_bits(self):
        """A file of 5 GB: its length is right, and its bytes begin to come."""
        folder = self.site()
        with open(folder / "huge.bin", "wb") as file:
            file.truncate(5_000_000_000)    # it takes no room on the disk
        server = self.serve("-s", folder)
        for method in ("HEAD", "GET"):
            reader = Reader(self.connect(server))
            self.ask(reader.client, "/huge.bin", method)
            response = reader.response(head_only=True)
            if response.fields.get("content-length") != "5000000000":
                raise Broken(f"{method}, a file of 5,000,000,000 bytes: {response.head!r}")
            if method == "GET" and any(reader.client.read(3 * MEGABYTE)):
                raise Broken("the file has zeros alone; other bytes came")
            reader.client.reset()

    @judges(ONLY_HTTP, modes=("plain",))
    def out_of_descriptors(self):
        """No descriptor is free for the file: 503, and the connection goes on."""
        folder = self.site()
        needed = self.serve("-s", folder).base_fds
        server = self.serve("-s", folder, nofile=needed + 5)
        reader = Reader(self.connect(server))
        self.expect_file(self.get(reader, "/small.txt"), SMALL, "GET /small.txt")
        others = self.connect_many(server, 4)
        self.becomes(lambda: server.fds() == needed + 5)
        for client in others:
            response = self.get(Reader(client), "/small.txt")
            if response.status != 503:
                raise Broken("no descriptor is free, GET /small.txt: expected 503, got "
                             f"{response.head!r}")
        for client in others:
            client.close()
        self.becomes(lambda: server.fds() == needed + 1)
        self.expect_file(self.get(reader, "/small.txt"), SMALL, "with a free descriptor again")


def written(out) -> str:
    """What strace has written so far."""
    with open(out.name, encoding="utf-8", errors="replace") as file:
        return file.read()
