# SPDX-License-Identifier: Apache-2.0
"""Prints "passed failed" of a Meson test log: cases of TAP tests, one for any other."""

import json
import sys


def main(path):
    passed = failed = 0
    with open(path, encoding="utf-8") as log:
        for line in log:
            test = json.loads(line)
            out = test.get("stdout", "").splitlines()
            ok = sum(text.startswith("ok ") for text in out)
            not_ok = sum(text.startswith("not ok ") for text in out)
            good = test["result"] in ("OK", "EXPECTEDFAIL", "SKIP")
            if good:
                passed += max(ok, 1)
            else:
                passed += ok
                failed += max(not_ok, 1)
    print(passed, failed)


main(sys.argv[1])
