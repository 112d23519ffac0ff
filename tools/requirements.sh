#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# requirements.sh - write requirements.txt and readers.txt anew from their .in files
#
# Every package with its exact version and the hashes of all its files, so that
# pip refuses anything else.  Versions that are there already are kept; pass
# --upgrade to take newer ones.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

DELTA_SPARK=4.4.0

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet pip-tools==7.5.1

compile() { # IN OUT ARG…
    "$scratch/venv/bin/pip-compile" --quiet --generate-hashes --strip-extras --no-header \
        --no-annotate --no-emit-find-links --no-emit-index-url --no-emit-trusted-host \
        --output-file "$2" "${@:3}" "$1"
}

# Begin with what is pinned now, but without delta-spark, which would drag an
# older pyspark in.
sed '/^delta-spark==/,$d' requirements.txt >"$scratch/main.txt" 2>/dev/null || true
compile requirements.in "$scratch/main.txt" "$@"

"$scratch/venv/bin/pip" download --quiet --no-deps --dest "$scratch" "delta-spark==$DELTA_SPARK"
hash=$(sha256sum "$scratch"/delta_spark-*.whl | cut -d' ' -f1)

{
    echo "# Made by tools/requirements.sh from requirements.in; install with --no-deps."
    cat "$scratch/main.txt"
    printf 'delta-spark==%s \\\n    --hash=sha256:%s\n' "$DELTA_SPARK" "$hash"
} >"$scratch/new.txt"
mv "$scratch/new.txt" requirements.txt

grep -v '^#' readers.txt >"$scratch/readers.txt" 2>/dev/null || true
compile readers.in "$scratch/readers.txt" "$@"
{
    echo "# Made by tools/requirements.sh from readers.in; install with --no-deps."
    cat "$scratch/readers.txt"
} >"$scratch/new.txt"
mv "$scratch/new.txt" readers.txt
