"""The parts of the test harness: build, start, talk to, measure and report on servers."""
