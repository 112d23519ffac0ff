#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""embed.py OUT FILE… - the files of the status page as the table of http/asset.h

index.html is "/", every other file "/static/NAME".  Each is there as it is and, where that is
smaller, compressed; the tags are of the contents, so that a browser asks only once."""

import gzip
import hashlib
import pathlib
import sys

TYPES = {
    ".css": "text/css; charset=utf-8", ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon", ".js": "text/javascript; charset=utf-8",
    ".json": "application/json", ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png", ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}


def array(name, data):
    rows = (", ".join(f"0x{b:02x}" for b in data[i:i + 16]) for i in range(0, len(data), 16))
    text = ",\n    ".join(rows)
    return f"static const unsigned char {name}[] = {{\n    {text}}};\n"


def main(target, names):
    files = sorted((pathlib.Path(name) for name in names), key=lambda path: path.name)
    paths = ["/" if file.name == "index.html" else f"/static/{file.name}" for file in files]
    if len(set(paths)) != len(paths) or "/" not in paths:
        sys.exit("embed.py: each file needs a name of its own, and one is index.html")
    arrays, rows = [], []
    for number, (file, path) in enumerate(zip(files, paths)):
        if file.suffix not in TYPES:
            sys.exit(f"embed.py: what is {file.name}? Add its type")
        plain = file.read_bytes()
        packed = gzip.compress(plain, 9, mtime=0)
        tag = hashlib.sha256(plain).hexdigest()[:20]
        arrays.append(array(f"plain_{number}", plain + b"\0"))
        zipped = "NULL, NULL, 0"
        if len(packed) < len(plain):
            arrays.append(array(f"gzip_{number}", packed))
            zipped = f'"\\"{tag}z\\"", gzip_{number}, sizeof(gzip_{number})'
        rows.append(f'    {{"{path}", "{TYPES[file.suffix]}", "\\"{tag}\\"", plain_{number}, '
                    f"sizeof(plain_{number}) - 1, {zipped}}},\n")
    pathlib.Path(target).write_text(
        '/* Made by embed.py from ui/. */\n#include "http/asset.h"\n\n' + "\n".join(arrays) +
        "\nconst struct http_asset http_asset_table[] = {\n" + "".join(rows) + "    {0},\n};\n",
        encoding="utf-8")


main(sys.argv[1], sys.argv[2:])
