"""Prints how many tests passed in both of two results of CPython's tests, and after a colon those of the first only.

    compare-junit.py FIRST.xml SECOND.xml
"""

import sys
import xml.etree.ElementTree as ElementTree


def passed(path):
    cases = ElementTree.parse(path).iter("testcase")
    bad = ("failure", "error", "skipped")
    return {case.get("name") for case in cases if all(case.find(tag) is None for tag in bad)}


try:
    first, second = map(passed, sys.argv[1:])
    text = f"{len(first & second)} of {len(first)} tests pass as before"
    if not first:
        text = "no result: nothing passed"
    elif first - second:
        text += ": " + " ".join(sorted(first - second))
except (OSError, ElementTree.ParseError) as why:
    text = f"no result: {why}"
print(text)
