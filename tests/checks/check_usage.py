"""The command line: wrong use, help."""
from __future__ import annotations

from harness.check import Check
from harness.server import Broken
from harness.spec import EACH, ECHO, promise
from harness.stages import OPTIONS, flags


class Usage(Check):
    group = "usage"

    def known(self):
        """The options that this program has at this stage."""
        return [o for o in OPTIONS if o.since <= self.stage and self.target.program in o.programs]

    def expect_usage(self, *args, about=""):
        """Two lines, what is wrong and the usage; exit status 2."""
        lines = self.refuse(*args)
        words = " ".join(repr(a) for a in args)
        if len(lines) != 2:
            raise Broken(f"wrong use ({words}) earns two lines, what is wrong and the usage; "
                         f"stderr has {lines!r}")
        if "usage" not in lines[1].lower():
            raise Broken(f"wrong use ({words}): the second line is not the usage: {lines[1]!r}")
        if "usage" in lines[0].lower() or about not in lines[0]:
            raise Broken(f"wrong use ({words}): the first line does not say what is wrong "
                         f"with {about!r}: {lines[0]!r}")

    @promise("usage", "1-", EACH)
    def unknown_option(self):
        """Options that no stage has."""
        for args in (("-p", "0", "-Z"), ("-Z",))[:self.few(99, 1)]:
            self.expect_usage(*args, about="Z")

    @promise("usage", "1-", EACH)
    def missing_value(self):
        """An option that takes a value comes last, without one."""
        for option in self.known()[:self.few(99, 1)]:
            self.expect_usage(option.flag, about=option.flag[1])

    @promise("usage", "1-", EACH)
    def stray_argument(self):
        """A word that is no option."""
        cases = (("-p", "0", "stray"), ("8000",), ("--", "-p"))
        for args in cases[:self.few(99, 1)]:
            self.expect_usage(*args, about=args[-1])

    @promise("usage", "1-", EACH)
    def unreadable_or_out_of_range(self):
        """Every option, with values that are no number, too small or too large."""
        for option in self.known():
            for value in option.bad[:self.few(99, 1)]:
                about = value.strip() or option.flag[1]
                self.expect_usage(option.flag, value, about=about)

    @promise("usage", "7-", ("echo_server",))
    def smallest_and_largest(self):
        """The ends of each range are inside it."""
        for args in (("-m", "1"), ("-m", "1073741824"), ("-d", "0"), ("-c", "0")):
            self.serve(*args).stop()

    @promise("usage", "1-9", ECHO)
    def option_of_a_later_stage(self):
        """Each option that a later stage brings is unknown until then."""
        known = flags(self.stage, self.target.program)
        later = {o.flag: o.good for o in OPTIONS if o.flag not in known}
        if "-v" not in known:
            later["-v"] = "1"
        for flag, value in list(later.items())[:self.few(99, 1)]:
            self.expect_usage("-p", "0", flag, value, about=flag[1])

    @promise("usage", "1-", EACH)
    def newline_in_an_argument(self):
        """What is wrong stays one line, and the usage the second, whatever was given."""
        known = flags(self.stage, self.target.program)
        cases = [("-p", "0", "stray\nline"), ("-a", "not\nan address"), ("-p", "80\n80")]
        cases += [(o.flag, "\n" + o.bad[-1] + "\n") for o in OPTIONS if o.flag in known]
        for args in cases[:self.few(99, 2)]:
            self.expect_usage(*args)

    @promise("help", "1-", EACH)
    def help_on_stdout(self):
        """-h: the usage with every option on stdout, nothing on stderr, exit 0."""
        server = self.start("-h")
        status = server.wait_exit(self.limit(10))
        if status != 0 or server.err.text:
            raise Broken(f"-h must exit 0 with nothing on stderr: it ended with {status}, "
                         f"stderr {server.err.text!r}")
        text = server.out.text
        if "usage" not in text.lower() or server.name not in text:
            raise Broken(f"-h must print the usage to stdout; it printed {text!r}")
        for flag in flags(self.stage, self.target.program):
            if flag not in text:
                raise Broken(f"-h does not mention {flag}: {text!r}")
        server.kill()
