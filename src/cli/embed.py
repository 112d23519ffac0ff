#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""embed.py NAME IN OUT - a file as a C array, so that an installed binary has it inside.

The array is called NAME, its length NAME_bytes; a NUL follows that is not counted."""

import pathlib
import sys

name, source, target = sys.argv[1:]
data = pathlib.Path(source).read_bytes() + b"\0"
rows = (", ".join(f"0x{b:02x}" for b in data[i:i + 16]) for i in range(0, len(data), 16))
text = ",\n    ".join(rows)
pathlib.Path(target).write_text(
    f"/* Made by embed.py from {pathlib.Path(source).name}. */\n"
    f'#include "cli/demo.h"\n\nconst unsigned char {name}[] = {{\n    {text}}};\n'
    f"const size_t {name}_bytes = sizeof({name}) - 1;\n")
