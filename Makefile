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

# V=1 shows each compiler command; without it a stage is one line. A recipe
# that calls BUILD begins with +, so that make shares its jobs (-j) with it.
SILENT = $(if $(V),,-s)
BUILD  = $(MAKE) --no-print-directory $(SILENT)
HARNESS = python3 tests/run.py $(if $(K),-k '$(K)') $(if $(V),-v) \
            $(if $(X),-x) $(if $(AGAIN),--again) $(if $(JSON),--json '$(JSON)')
BENCH = python3 tests/bench/bench.py $(if $(PEER),--peer '$(PEER)') \
        $(if $(SAVE),--save) $(if $(QUICK),--quick)
# One run of the harness, and a second one for the stages that have threads,
# whether or not the first one found something.
BOTH = status=0; $(HARNESS) $(1) || status=1; \
    $(if $(2),$(HARNESS) $(2) || status=1;) exit $$status

## make                      build every program of every stage; -j2: two jobs
all: $(STAGES)

$(STAGES): need-compiler
	@echo "building $@"
	+@$(BUILD) -C $@

## make help                 this list
help:
	@sed -n 's/^## \{0,1\}//p' Makefile

## make run-v04              build that stage, start its server on 127.0.0.1:8000
run-v%: need-compiler
	$(KNOWN)
	+@$(BUILD) -C $(call folder,$*) echo_server
	@$(call folder,$*)/echo_server $(ARGS)

## make diff-v04             what changed from the stage before, step by step
diff-v%:
	$(KNOWN)
	$(NEED) python3 git
	@tests/tools/diff $(if $(STAT),--stat) $(if $(PART),--part '$(PART)') v$*

## make trace-v04            one message's way through that stage, call by call
TRACE = python3 tests/trace/run.py
trace-v%: need-harness
	$(KNOWN)
	$(NEED) uftrace
	@$(TRACE) v$* $(if $(SCENE),--scene '$(SCENE)') \
	    $(if $(FORMAT),--format '$(FORMAT)')

## make book                 the whole course as pages for a browser
book:
	$(NEED) python3 git node npm
	@tests/book/make

## make read                 serve these pages on 127.0.0.1, and print where
read:
	$(NEED) python3
	@python3 tests/book/read.py

## make test                 check every stage
test: need-harness
	@$(HARNESS)

## make test-v04             check one stage
test-v%: need-harness
	$(KNOWN)
	@$(HARNESS) v$*

## make valgrind             the same under valgrind: leaks, errors, data races
valgrind: need-harness
	$(NEED) valgrind
	@$(call BOTH,--valgrind,$(if $(call folder,08),--helgrind))

## make valgrind-v04         one stage under valgrind
valgrind-v%: need-harness
	$(KNOWN)
	$(NEED) valgrind
	@$(call BOTH,--valgrind v$*,$(if $(filter 01 08 09 10,$*),--helgrind v$*))

## make sanitize             the same on builds with the compiler's sanitizers
sanitize: need-harness
	@$(call BOTH,--sanitize,$(if $(call folder,08),--tsan))

## make exercises            the exercises, and how far you are
EXERCISES = python3 tests/exercises/run.py
exercises: need-harness
	@$(EXERCISES) list

## make try-NAME             your copy of an exercise in mine/; then: check it
try-%: need-harness
	@$(EXERCISES) try '$*'

## make watch-NAME           the same at each save, until it passes
watch-%: need-harness
	@$(EXERCISES) watch '$*'

## make hint-NAME            the next hint
hint-%: need-harness
	@$(EXERCISES) hint '$*'

## make answer-NAME          the answer beside your copy, once it has passed
answer-%: need-harness
	@$(EXERCISES) answer '$*'

## make reset-NAME           a fresh copy; the old one is kept beside it
reset-%: need-harness
	@$(EXERCISES) reset '$*'

## make rebuild-v04          turn v03 into v04 yourself; then: check how far it is
rebuild-v%: need-harness
	@$(EXERCISES) rebuild 'v$*'

## make grade                points for all that was worked on in mine/
grade: need-harness
	@$(EXERCISES) grade

## make alike                for teachers: how alike are the students' changes?
alike: need-harness
	@$(EXERCISES) alike

## make handout              for teachers: an archive without answers
handout: need-harness
	@$(EXERCISES) handout

## make exercises-prove      does each start fail, and each solution pass?
exercises-prove: need-harness
	@$(EXERCISES) prove-all

## make exercises-refresh    carry the solutions on when a stage has changed
exercises-refresh: need-harness
	$(NEED) git
	@$(EXERCISES) refresh

## make plants               which planted mistakes no longer stand in the stages?
plants: need-harness
	@$(HARNESS) --plants

## make prove                servers wrong on purpose: does a check catch each?
prove: need-harness
	@$(HARNESS) --prove

## make faults               calls fail, memory is refused: what is survived?
FAULTS = python3 tests/faults/run.py $(if $(K),-k '$(K)') $(if $(V),-v) \
    $(if $(BRIEF),--brief) $(if $(CHECK),--check)
faults: need-harness
	$(NEED) strace
	@$(FAULTS)

## make faults-prove         mistakes that only a failure shows: is each found?
faults-prove: need-harness
	$(NEED) strace
	@$(FAULTS) --prove

## make faults-v04           the same for one stage
faults-v%: need-harness
	$(KNOWN)
	$(NEED) strace
	@$(FAULTS) v$*

## make trace-check          are the READMEs' diagrams what the servers do?
trace-check: need-harness
	$(NEED) uftrace
	@$(TRACE) --check

## make book-check           the pages in a real browser
book-check: need-harness
	$(NEED) python3 git
	@tests/book/check/run $(if $(K),'$(K)')

## make matrix               run all, write the table of behaviours into README.md
matrix: need-harness
	@$(HARNESS) --matrix

## make fuzz                 codecs, buffer and HTTP parser against made-up inputs
fuzz: need-compiler
	$(NEED) python3 clang && tests/tools/need libfuzzer
	@python3 tests/fuzz/run.py $(if $(PROVE),--prove,--time $(or $(TIME),60))

## make soak                 random clients and options against the last stage
soak: need-harness
	@python3 tests/soak/run.py $(if $(TIME),--time $(TIME)) \
	    $(if $(SEED),--seed $(SEED)) $(if $(ROUND),--round $(ROUND)) \
	    $(if $(PROVE),--prove)

## make bench                what each stage bought; v10 beside other libraries
bench: bench-build
	@$(BENCH) all

## make bench-instructions   instructions for a message, by callgrind
bench-instructions: bench-build
	$(NEED) valgrind
	@$(BENCH) $(if $(PROFILE),profile $(PROFILE),instructions)

## make bench-memory         the memory of an idle connection, of 10,000
bench-memory: bench-build
	@$(BENCH) memory

## make bench-check          does the load generator notice what is wrong?
bench-check: bench-build
	@python3 -m unittest discover -s tests/bench -p 'test_*.py'

bench-build: $(STAGES)
	$(NEED) python3
	+@$(BUILD) -C tests/bench

## make lint                 clang-tidy, cppcheck and clang-format
lint:
	$(NEED) python3 gcc clang-tidy cppcheck clang-format
	@tests/tools/lint

## make quiet                does each step change only what it must? Ladders?
quiet:
	$(NEED) python3 git
	@tests/tools/quiet

## make map                  write the table of the stages in README.md anew
map:
	$(NEED) python3 git
	@tests/tools/map

## make tools                the tools' own tests; links and tables of the READMEs
tools: tools-tests exercises-tests

tools-tests:
	$(NEED) python3 git
	@python3 -m unittest discover -s tests/tools -p 'test_*.py'
	@python3 -m unittest discover -s tests/trace -p 'test_*.py'
	@$(EXERCISES) tables --check
	@tests/tools/links

exercises-tests: need-harness
	@python3 -m unittest discover -s tests/exercises -p 'test_*.py'

## make setup                install what all of these need (Debian, Ubuntu)
setup:
	@tests/tools/setup

## make clean                remove what was built
clean:
	@for stage in $(STAGES); do $(BUILD) -C $$stage clean; done
	@$(BUILD) -C tests/bench clean
	@rm -rf build/book build/book-cache tests/book/node_modules
	@find tests \( -name __pycache__ -o -name build \) -prune \
	    -exec rm -rf {} +

##
## Words that go with them, as in `make test-v07 K=half_close V=1`:
##
## test, valgrind, sanitize  K=name: checks of that name; V=1: a line for each
##                           check, also on a terminal, and more; X=1: stop at
##                           the first failure; AGAIN=1: try those again,
##                           alone; JSON=file: the outcomes for other programs
## try-NAME, rebuild-v04     SEED=name: other numbers and mistakes are drawn;
##                           MINE=folder: your copies are there, not in mine/
## answer-NAME               GIVE_UP=1: before it has passed
## rebuild-v04               FROM=mine: from your own v03; HEADERS=1: with the
##                           headers of v04, and so the checks of its parts
## grade                     FORMAT=gradescope, classroom or json: a file of it,
##                           OUT=file; SEED=name: as with try-NAME;
##                           ASSIGNED="names": those count; TIME=540: no longer
## alike                     CLASS=folder: each student's mine/ under a name
## handout                   UPTO=v05: up to that stage
## exercises-prove           K=name: those exercises; DRAW=1: of what a solution
##                           must not break, the half that the day draws
## prove                     K=name: mistakes or checks of that name; V=1, X=1
## run-v04                   ARGS="-p 9000 -v": options for the server
## diff-v04                  STAT=1: the list of steps alone; PART=2: that step
## trace-v04                 SCENE=stop: another scene; echo, half-close,
##                           slow-reader, idle or chat; FORMAT=mermaid, json
## book-check                K=walk: tests of that name; PROVE=1: are mistakes
##                           in the pages noticed?
## read                      PORT=9000: there, not on port 8080
## faults                    K=accept4: that call; BRIEF=1: each failure in one
##                           way only; CHECK=1: is tests/faults/TABLE.md what is
##                           measured? V=1: a line for each run
## fuzz                      TIME=600: for so many seconds; PROVE=1: does it find
##                           mistakes?
## soak                      the same; SEED=7: those choices; ROUND=3: that round
## bench                     PEER="cmd {port}": your own server beside them;
##                           QUICK=1: does it run? SAVE=1: keep the figures
## bench-instructions        PROFILE=v10: where that server spends them

need-compiler:
	$(NEED) $(firstword $(CC)) libc

need-harness: need-compiler
	$(NEED) python3

.PHONY: exercises grade alike handout exercises-prove exercises-refresh \
        all help test valgrind sanitize plants prove matrix faults \
        faults-prove fuzz soak lint quiet map book read book-check \
        trace-check tools tools-tests exercises-tests bench \
        bench-instructions bench-memory bench-check bench-build \
        setup clean need-compiler need-harness $(STAGES)
