"""What the sessions share: they report in TAP, and wait for what becomes true."""

import sys
import time


def report(name, good, seen=""):
    print(f"{'ok' if good else 'not ok'} - {name}", flush=True)
    if not good:
        print(f"{name}: {seen}", file=sys.stderr, flush=True)


def becomes(condition):
    """At the latest after some time."""
    for _ in range(600):
        try:
            if condition():
                return True
        except OSError:
            pass
        time.sleep(0.05)
    return False
