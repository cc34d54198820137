# One entry for everything. `make help` lists the targets: it prints the lines
# of this file that begin with two hash signs.
#
# Each stage also builds on its own, with the Makefile in its folder; this one
# calls those. v04 stands for the stage folder v04_channel, and so on.

CC = gcc

# A folder with a server is a stage.
STAGES := $(patsubst %/echo_server.c,%,$(sort \
            $(wildcard v[0-9][0-9]_*/echo_server.c)))
folder  = $(firstword $(filter v$(1)_%,$(STAGES)))

# One line and a stop when something is not installed.
NEED = @CC="$(CC)" tests/tools/need
# One line and a stop when somebody asks for a stage that is not there.
KNOWN = @test -n "$(call folder,$*)" || { \
    echo "there is no stage v$*; there are: $(STAGES)" >&2; exit 1; }

# V=1 shows each compiler command; without it a stage is one line.
SILENT = $(if $(V),,-s)
BUILD  = $(MAKE) --no-print-directory $(SILENT)
HARNESS = python3 tests/run.py $(if $(K),-k '$(K)') $(if $(V),-v) \
            $(if $(X),-x) $(if $(AGAIN),--again)
BENCH = python3 tests/bench/bench.py $(if $(PEER),--peer '$(PEER)') \
        $(if $(SAVE),--save) $(if $(QUICK),--quick)
# One run of the harness, and a second one for the stages that have threads,
# whether or not the first one found something.
BOTH = status=0; $(HARNESS) $(1) || status=1; \
    $(if $(2),$(HARNESS) $(2) || status=1;) exit $$status

## make             build every program of every stage
all: $(STAGES)

$(STAGES): need-compiler
	@echo "building $@"
	@$(BUILD) -C $@

## make help        this list
help:
	@sed -n 's/^## //p' Makefile

## make run-v04     build that stage and start its server on 127.0.0.1:8000;
##                  ARGS="-p 9000 -v" hands options to it
run-v%: need-compiler
	$(KNOWN)
	@$(BUILD) -C $(call folder,$*) echo_server
	@$(call folder,$*)/echo_server $(ARGS)

## make diff-v04    what changed from the stage before; STAT=1: the summary only
diff-v%:
	$(KNOWN)
	$(NEED) python3 git
	@tests/tools/diff $(if $(STAT),--stat) v$*

## make test        check every stage; make test-v04: one stage.
##                  K=name: checks of that name, V=1: say more, X=1: stop at
##                  the first failure, AGAIN=1: what fails gets a second try,
##                  alone
test: need-harness
	@$(HARNESS)

test-v%: need-harness
	$(KNOWN)
	@$(HARNESS) v$*

## make valgrind    the same checks under valgrind; make valgrind-v04: one stage
valgrind: need-harness
	$(NEED) valgrind
	@$(call BOTH,--valgrind,$(if $(call folder,08),--helgrind))

valgrind-v%: need-harness
	$(KNOWN)
	$(NEED) valgrind
	@$(call BOTH,--valgrind v$*,$(if $(filter 08 09 10,$*),--helgrind v$*))

## make sanitize    the same checks on builds with the compiler's sanitizers
sanitize: need-harness
	@$(call BOTH,--sanitize,$(if $(call folder,08),--tsan))

## make prove       servers that are wrong on purpose: does a check catch each?
prove: need-harness
	@$(HARNESS) --prove

## make faults      system calls fail, memory is refused: what is survived? The
##                  table is written to tests/faults/TABLE.md; make faults-v04:
##                  one stage; K=accept4: that call; BRIEF=1: each failure in
##                  one way only; CHECK=1: is the kept table what was measured?
FAULTS = python3 tests/faults/run.py $(if $(K),-k '$(K)') $(if $(V),-v) \
    $(if $(BRIEF),--brief) $(if $(CHECK),--check)
faults: need-harness
	$(NEED) strace
	@$(FAULTS)

## make faults-prove
##                  servers with a mistake that only a failure shows: each found?
faults-prove: need-harness
	$(NEED) strace
	@$(FAULTS) --prove

faults-v%: need-harness
	$(KNOWN)
	$(NEED) strace
	@$(FAULTS) v$*

## make matrix      run all, and write the table of behaviours into README.md
matrix: need-harness
	@$(HARNESS) --matrix

## make fuzz        the codecs, the buffer and the HTTP parser of the last stage
##                  against inputs that libFuzzer thinks up; TIME=600: for so
##                  many seconds; PROVE=1: does it find mistakes?
fuzz: need-compiler
	$(NEED) python3 clang && tests/tools/need libfuzzer
	@python3 tests/fuzz/run.py $(if $(PROVE),--prove,--time $(or $(TIME),60))

## make soak        random clients and options against the last stage, checked
##                  byte by byte and count by count; TIME=600: for so many
##                  seconds; SEED=7: the choices of that run, ROUND=3: of one
##                  round; PROVE=1: does it find mistakes?
soak: need-harness
	@python3 tests/soak/run.py $(if $(TIME),--time $(TIME)) \
	    $(if $(SEED),--seed $(SEED)) $(if $(ROUND),--round $(ROUND)) \
	    $(if $(PROVE),--prove)

## make bench       what each stage bought, why epoll, and v10 beside the
##                  libraries (under 5 minutes); QUICK=1: does it run at all?
##                  PEER="command -p {port}": your own server beside them;
##                  SAVE=1: keep the results in tests/bench/results
bench: bench-build
	@$(BENCH) all

## make bench-instructions   instructions for a message, by callgrind;
##                  PROFILE=v10: where that server spends them
bench-instructions: bench-build
	$(NEED) valgrind
	@$(BENCH) $(if $(PROFILE),profile $(PROFILE),instructions)

## make bench-memory   the memory of an idle connection, of 10,000
bench-memory: bench-build
	@$(BENCH) memory

## make bench-check   does the load generator notice what is wrong?
bench-check: bench-build
	@python3 -m unittest discover -s tests/bench -p 'test_*.py'

bench-build: $(STAGES)
	$(NEED) python3
	@$(BUILD) -C tests/bench

## make lint        clang-tidy, cppcheck and clang-format over the C code
lint:
	$(NEED) python3 gcc clang-tidy cppcheck clang-format
	@tests/tools/lint

## make quiet       does each step from stage to stage change only what it must?
quiet:
	$(NEED) python3 git
	@tests/tools/quiet

## make map         write the table of the stages in README.md anew
map:
	$(NEED) python3 git
	@tests/tools/map

## make tools       the maintainers' tools: their own tests, and the links and
##                  commands in the READMEs
tools:
	$(NEED) python3 git
	@python3 -m unittest discover -s tests/tools -p 'test_*.py'
	@tests/tools/links

## make setup       install what all of these need (Debian, Ubuntu)
setup:
	@tests/tools/setup

## make clean       remove what was built
clean:
	@for stage in $(STAGES); do $(BUILD) -C $$stage clean; done
	@$(BUILD) -C tests/bench clean
	@find tests \( -name __pycache__ -o -name build \) -prune \
	    -exec rm -rf {} +

need-compiler:
	$(NEED) $(firstword $(CC)) libc

need-harness: need-compiler
	$(NEED) python3

.PHONY: all help test valgrind sanitize prove matrix faults \
        faults-prove fuzz soak lint quiet map \
        tools bench bench-instructions bench-memory bench-check bench-build \
        setup clean need-compiler need-harness $(STAGES)
