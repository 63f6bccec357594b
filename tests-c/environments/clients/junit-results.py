"""Prints a line "RESULT TEST" for each test of a result of CPython's tests.

    junit-results.py RESULT.xml
"""

import sys
import xml.etree.ElementTree as ElementTree

BAD = ("failure", "error", "skipped")

for case in ElementTree.parse(sys.argv[1]).iter("testcase"):
    result = next((tag for tag in BAD if case.find(tag) is not None), "ok")
    print(result, case.get("name"))
