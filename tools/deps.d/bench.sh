# shellcheck shell=bash
# bench.sh - libraries that `make bench-formats` compares with; nothing else needs them

YYJSON_PYPI=yyjson==4.0.6 # yyjson.c 0.10, with a binding that is not used
YYJSON_SHA256=fcd4dc15c1e39a30bf9fa85d56903029111506860fc3080ab0d81c6c6dacaa8c

APT_BENCH=(g++ libprotobuf-dev libprotoc-dev libavro-dev)

deps_bench() {
    apt_install "${APT_BENCH[@]}"
    recipe_make yyjson
}

yyjson_key() { echo "$YYJSON_PYPI $YYJSON_SHA256 $(machine)"; }

# As its own build does it: -O3 -DNDEBUG.
yyjson_make() {
    python3 -m venv venv
    venv/bin/pip download --quiet --no-deps --no-binary yyjson "$YYJSON_PYPI"
    verify "${YYJSON_PYPI/==/-}.tar.gz" "$YYJSON_SHA256"
    tar -xzf "${YYJSON_PYPI/==/-}.tar.gz" --strip-components=1
    gcc -O3 -DNDEBUG -c -o yyjson.o yyjson/yyjson.c
    ar rcs libyyjson.a yyjson.o
    install -d "$PREFIX/bench"
    install -m 644 yyjson/yyjson.h libyyjson.a "$PREFIX/bench"
}
