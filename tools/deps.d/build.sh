# shellcheck shell=bash
# build.sh - the two libraries that Debian has too old or not at all, and the charts of the page
#
# Versions are pinned here and nowhere else.

RDKAFKA_VERSION=2.15.1
RDKAFKA_NPM=@confluentinc/kafka-javascript@1.10.1
RDKAFKA_SHA256=ada7d703bb1d3237e2292bfabf438d663b6160c9f1ac2a2406b5dc4257c81b66

DUCKDB_VERSION=1.5.6
DUCKDB_NPM_RELEASE=1.5.6-r.1
declare -A DUCKDB_NPM_SHA256=(
    [x64]=1b9f82478539bb9a1d1df44bd103121a12ae52142c07158dc52b97d2ec1d69ff
    # arm64: release 1.5.6-r.1 has not been published for it
)
DUCKDB_SDIST_SHA256=166a91dbfacfc0c9f08cc76c0243cb6d3d4296bfab5bad72a3cfb63140a5b7c8

UPLOT_VERSION=1.6.32
UPLOT_SHA256=4b8a8191e425658e3ea8c8c1314b0fc679c861ee3a1af2b20c7b16ba50b5133d

deps_build() {
    apt_install "${APT_BUILD[@]}"
    deps_libraries
}

deps_compile() {
    apt_install "${APT_COMPILE[@]}"
    deps_libraries
}

deps_libraries() {
    # Libraries that are there already, as a mounted prefix has them, need no client.
    if ! recipe_is_made librdkafka || ! recipe_is_made duckdb || ! recipe_is_made uplot; then
        need_program npm nodejs npm
    fi
    recipe_make librdkafka
    recipe_make duckdb
    recipe_make uplot
}

librdkafka_key() { echo "$RDKAFKA_VERSION $RDKAFKA_SHA256 $(machine)"; }

# A static library: one process, no second copy on the machine to be mixed up
# with.  Only the archive is built; upstream's own .pc files put the static
# dependencies where `pkg-config` without --static does not look, so we write
# ours.  LZ4 is librdkafka's own copy, which it compiles with -O3.
librdkafka_make() {
    npm_unpack "$RDKAFKA_NPM" "$RDKAFKA_SHA256"
    cd package/deps/librdkafka
    ./configure --prefix="$PREFIX" --disable-gssapi --disable-lz4-ext
    grep -qx "RDKAFKA_VERSION_STR=[[:space:]]*$RDKAFKA_VERSION" Makefile.config
    # SASL over SSL, OIDC and compressed topics must not be lost to a missing header.
    local feature
    for feature in SSL ZLIB ZSTD CURL SASL_SCRAM SASL_OAUTHBEARER OAUTHBEARER_OIDC; do
        grep -qx "WITH_$feature=[[:space:]]*y" Makefile.config || die "librdkafka lacks $feature"
    done
    make -j"$(nproc)" -C src librdkafka.a
    install -d "$PREFIX/include/librdkafka"
    install -m 644 src/rdkafka.h src/rdkafka_mock.h "$PREFIX/include/librdkafka"
    install -m 644 src/librdkafka.a "$PREFIX/lib/librdkafka.a.new"
    mv "$PREFIX/lib/librdkafka.a.new" "$PREFIX/lib/librdkafka.a"
    cat >"$PREFIX/lib/pkgconfig/rdkafka.pc" <<END
prefix=\${pcfiledir}/../..
Name: librdkafka
Description: Kafka client, static
Version: $RDKAFKA_VERSION
Requires: libcurl libssl libcrypto libzstd zlib
Cflags: -I\${prefix}/include
Libs: -L\${prefix}/lib -lrdkafka -lm -ldl -lpthread -lrt
END
    cp "$PREFIX/lib/pkgconfig/rdkafka.pc" "$PREFIX/lib/pkgconfig/rdkafka-static.pc"
}

duckdb_key() { echo "$DUCKDB_VERSION ${DUCKDB_NPM_SHA256[*]} $DUCKDB_SDIST_SHA256 $(machine)"; }

# The library is prebuilt, in the npm package of DuckDB's Node bindings; the
# header of exactly that version is in the source archive on PyPI.
duckdb_make() {
    local arch sum
    arch=$(machine)
    sum=${DUCKDB_NPM_SHA256[$arch]:-}
    [ -n "$sum" ] || die "no pinned libduckdb $DUCKDB_VERSION for $arch:" \
        "put duckdb.h, libduckdb.so and a duckdb.pc where pkg-config finds them"
    npm_unpack "@duckdb/node-bindings-linux-$arch@$DUCKDB_NPM_RELEASE" "$sum"

    # pip unpacks the archive to read its metadata, which takes some seconds; it
    # compiles nothing.
    python3 -m venv venv
    venv/bin/pip download --quiet --no-deps --no-binary duckdb "duckdb==$DUCKDB_VERSION"
    verify "duckdb-$DUCKDB_VERSION.tar.gz" "$DUCKDB_SDIST_SHA256"
    tar -xzf "duckdb-$DUCKDB_VERSION.tar.gz" --strip-components=5 \
        "duckdb-$DUCKDB_VERSION/external/duckdb/src/include/duckdb.h"

    install -m 644 duckdb.h "$PREFIX/include/duckdb.h"
    install -m 755 package/libduckdb.so "$PREFIX/lib/libduckdb.so.new"
    mv "$PREFIX/lib/libduckdb.so.new" "$PREFIX/lib/libduckdb.so"
    cat >"$PREFIX/lib/pkgconfig/duckdb.pc" <<END
prefix=\${pcfiledir}/../..
Name: duckdb
Description: DuckDB's C API
Version: $DUCKDB_VERSION
Cflags: -I\${prefix}/include
Libs: -L\${prefix}/lib -lduckdb
END
}

uplot_key() { echo "$UPLOT_VERSION $UPLOT_SHA256"; }

# Charts of the status page: two files that are embedded with those of ui/, and their licence.
uplot_make() {
    npm_unpack "uplot@$UPLOT_VERSION" "$UPLOT_SHA256"
    install -d "$PREFIX/share/uplot"
    install -m 644 package/LICENSE "$PREFIX/share/uplot/uPlot.LICENSE.txt"
    install -m 644 package/dist/uPlot.iife.min.js package/dist/uPlot.min.css "$PREFIX/share/uplot"
    cat >"$PREFIX/lib/pkgconfig/uplot.pc" <<END
prefix=\${pcfiledir}/../..
assets=\${prefix}/share/uplot
Name: uPlot
Description: charts of the status page
Version: $UPLOT_VERSION
END
}
