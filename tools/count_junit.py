# SPDX-License-Identifier: Apache-2.0
"""Prints "passed failed" of a JUnit report; a skipped test counts as neither."""

import sys
import xml.etree.ElementTree


def main(path):
    passed = failed = 0
    for suite in xml.etree.ElementTree.parse(path).getroot().iter("testsuite"):
        bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        failed += bad
        passed += int(suite.get("tests", 0)) - bad - int(suite.get("skipped", 0))
    print(passed, failed)


main(sys.argv[1])
