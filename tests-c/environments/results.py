"""What the checks in other environments found: reads TAP, and writes the tables for scripts/support.

A table is build/results/AREA.tsv: area, environment, mode, passed, failed, skipped, note, day.
"""

import collections
import re
import time

TEST = re.compile(r"(not )?ok\b(?: +(\d+))?(?: +-)?(?: +(.*))?$")
SKIP = re.compile(r"\s# SKIP\S*\s*(.*)$", re.IGNORECASE)


def last_line(text):
    return (text.strip().splitlines() or [""])[-1]


class Tally:
    """The tests of one or several streams of TAP.  With the exit status of `program`, which wrote them, they are whole:
    they have a plan, and a status that says so has its failure.
    """

    def __init__(self, text="", status=None, program="it"):
        self.passed = self.failed = self.skipped = 0
        self.failures = []
        self.reasons = collections.Counter()
        self.planned = self.numbered = 0
        self.read(text)
        if self.numbered < self.planned:
            self.fail(f"only {self.numbered} of {self.planned} tests that were planned were run")
        if status == 77 and not self.numbered:
            self.skip(last_line(text))
        elif status not in (None, 0, 77) and not self.failed:
            self.fail(f"{program} ended with status {status}: {last_line(text)}")
        elif status is not None and not re.search(r"^1\.\.\d", text, re.MULTILINE):
            self.fail(f"{program} has no plan: {last_line(text)}")

    def read(self, text):
        failing = False
        for line in text.splitlines():
            test = TEST.match(line)
            if test:
                name = test[3] or ""
                skip = SKIP.search(name)
                self.numbered += test[2] is not None
                failing = test[1] is not None
                if failing:
                    self.fail(name)
                elif skip:
                    self.skip(skip[1])
                else:
                    self.passed += 1
            elif re.match(r"1\.\.\d+", line):
                self.planned += int(line[3:].split()[0])
            elif failing and line.startswith("#"):
                self.failures[-1] += ": " + line[1:].strip()

    def fail(self, what):
        self.failed += 1
        self.failures.append(what)

    def skip(self, why):
        self.skipped += 1
        # What stands in parentheses at the end differs from test to test.
        self.reasons[re.sub(r" \([^()]*\)$", "", why)] += 1

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures
        self.reasons += other.reasons

    def note(self):
        """Why tests were skipped, each reason with how often, the most frequent first; before that what failed."""
        notes = [f"FAILED: {self.failures[0]}"] if self.failures else []
        return "; ".join(notes + [f"{why} ({count})" for why, count in self.reasons.most_common()])

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


class Results:
    """The rows of one table."""

    def __init__(self, area):
        self.area = area
        self.rows = []
        self.total = Tally()

    def record(self, environment, mode, tally, note):
        values = (self.area, environment, mode, tally.passed, tally.failed, tally.skipped, note,
                  time.strftime("%Y-%m-%d", time.gmtime()))
        self.rows.append("\t".join(re.sub(r"\s+", " ", str(value)) for value in values))
        self.total.add(tally)

    def counted(self, environment, mode, tally, note=""):
        """Tests that were run there; where none has passed they have failed.  The note says what else was seen."""
        if not tally.passed and not tally.failed:
            tally.fail("no test has passed")
        print(f"{environment}, {mode}: {tally}", flush=True)
        for failure in tally.failures:
            print(f"FAILED  {failure}", flush=True)
        self.record(environment, mode, tally, "; ".join(filter(None, (tally.note(), note))))

    def check(self, environment, mode, good, what):
        """A check that is no test of the suite; returns whether it passed."""
        tally = Tally()
        if good:
            tally.passed = 1
        else:
            tally.fail(what)
        print(f"{'ok' if good else 'FAILED'}  {environment}, {mode}: {what}", flush=True)
        self.record(environment, mode, tally, what)
        return good

    def unavailable(self, environment, mode, why):
        """The reason may be an exception."""
        tally = Tally()
        tally.skip(str(why))
        print(f"{environment}, {mode}: skipped: {why}", flush=True)
        self.record(environment, mode, tally, f"skipped: {why}")

    def write(self, path):
        """Where nothing could be tried the table stays as it was."""
        if self.total.passed or self.total.failed or not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(row + "\n" for row in self.rows), encoding="utf-8")

    def close(self):
        """Prints the closing line; the exit status is 0 if something passed and nothing failed."""
        for why, count in self.total.reasons.most_common():
            print(f"skipped {count}: {why}")
        print(self.total)
        return int(self.total.failed > 0 or self.total.passed == 0)
