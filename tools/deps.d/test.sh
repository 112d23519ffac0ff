# shellcheck shell=bash
# test.sh - what the tests run against: servers, and independent readers
#
# Versions are pinned here, in requirements.txt and in maven/*.xml.

GO_VERSION=1.26.8
MINIO_MODULE=github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c
VERSITYGW_MODULE=github.com/versity/versitygw/cmd/versitygw@v1.8.0
APICURIO_ARTIFACT=io.apicurio:apicurio-registry-app:2.6.13.Final:tar.gz:all
APICURIO_SHA256=3cda1b34aa020fb4ac4dd6a66018d757e81e437f97e20a1f92d366b70091c6ba
AXE_VERSION=4.14.1
AXE_SHA256=e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745

# The browser that looks at the status page; playwright would download one of its own.
APT_BROWSER=(chromium-headless-shell fonts-inter fonts-dejavu-core)

# What completions are typed into, and what reads the manual pages.
APT_SHELLS=(bash-completion zsh fish groff)

APT_UNPACKED=(prometheus prometheus-alertmanager)

deps_test() {
    test_programs
    mkdir -p "$PREFIX/log"
    # The S3 servers take minutes of compiling: they go their own way, behind
    # everything else on this machine.
    if ! recipe_is_made minio || ! recipe_is_made versitygw; then
        setsid nohup nice -n 10 "$TOOLS/deps" background minio versitygw \
            >"$PREFIX/log/background" 2>&1 </dev/null &
        say "minio and versitygw are compiling in the background (tools/deps wait)"
    fi
    recipe_make kafka
    recipe_make apicurio
    recipe_make axe
    recipe_make prometheus
    recipe_make dashboards
    recipe_make python
    recipe_make readers
    recipe_make spark
}

test_programs() {
    need_program java openjdk-17-jre-headless
    need_program mvn maven
    need_program go golang-go
    apt_install "${APT_BROWSER[@]}" "${APT_SHELLS[@]}"
}

deps_background() { # NAME…
    local name
    for name in "$@"; do
        recipe_make "$name"
    done
}

# --- Go -------------------------------------------------------------------

minio_key() { echo "$MINIO_MODULE"; }
minio_make() { go_install "$MINIO_MODULE"; }

versitygw_key() { echo "$VERSITYGW_MODULE"; }
versitygw_make() { go_install "$VERSITYGW_MODULE"; }

go_install() { # MODULE
    local go
    go=$(go_new_enough)
    GOBIN=$PWD/bin GOTOOLCHAIN=local CGO_ENABLED=0 "$go" install -trimpath -ldflags='-s -w' "$1"
    mv bin/* "$PREFIX/bin/"
}

# The newest releases want a newer Go than Debian has.  A Go too old to build
# them can still fetch a newer one: toolchains are modules like any other, checked
# against the same checksum database.
go_new_enough() {
    local have want dir
    have=$(GOTOOLCHAIN=local go env GOVERSION)
    if printf '%s\n' "go$GO_VERSION" "$have" | sort -V -C; then
        command -v go
        return
    fi
    want=golang.org/toolchain@v0.0.1-go$GO_VERSION.linux-$(go env GOARCH)
    dir=$(cd / && GOTOOLCHAIN=local GO111MODULE=on go mod download -json "$want" |
        sed -n 's/^[[:space:]]*"Dir": "\(.*\)",*$/\1/p')
    [ -x "$dir/bin/go" ] || chmod -R u+w "$dir"
    # A module's files come without the executable bit.
    [ -x "$dir/bin/go" ] || chmod +x "$dir"/bin/* "$dir"/pkg/tool/*/*
    printf '%s\n' "$dir/bin/go"
}

# --- npm ------------------------------------------------------------------

axe_key() { echo "$AXE_VERSION $AXE_SHA256"; }

# The accessibility rules that the status page is held to.
axe_make() {
    npm_unpack "axe-core@$AXE_VERSION" "$AXE_SHA256"
    install -d "$PREFIX/share/axe"
    install -m 644 package/axe.min.js "$PREFIX/share/axe"
}

# Checks Grafana dashboards against the types that Grafana publishes.
dashboards_key() { cat "$TOOLS"/../tests/lib/dashboards/{go.mod,go.sum,main.go}; }

dashboards_make() {
    local go
    go=$(go_new_enough)
    cp "$TOOLS"/../tests/lib/dashboards/{go.mod,go.sum,main.go} .
    GOTOOLCHAIN=local CGO_ENABLED=0 "$go" build -mod=readonly -trimpath -ldflags='-s -w' -o check-dashboard .
    mv check-dashboard "$PREFIX/bin/"
}

# --- Debian packages of which only the programs are wanted -----------------

# Prometheus, promtool, Alertmanager, amtool.  Unpacked, not installed: an
# installed package starts its program as a service at each boot.
prometheus_key() { echo "${APT_UNPACKED[*]}"; }

prometheus_make() {
    apt_unpack root "${APT_UNPACKED[@]}"
    local program
    for program in prometheus promtool prometheus-alertmanager amtool; do
        install -m 755 "root/usr/bin/$program" "$PREFIX/bin/"
    done
    # Debian's Alertmanager does not start without these files at this place.
    local file
    for file in /usr/share/prometheus/alertmanager/{default,email}.tmpl; do
        [ -e "$file" ] || apt_root install -D -m 644 "root$file" "$file"
    done
}

# --- Maven ----------------------------------------------------------------

kafka_key() { cat "$TOOLS/maven/kafka.xml" "$TOOLS/maven/kafka.sha256"; }
kafka_make() { maven_jars kafka "$PREFIX/kafka"; }

spark_key() { cat "$TOOLS/maven/spark.xml" "$TOOLS/maven/spark.sha256"; }
spark_make() { maven_jars spark "$PREFIX/spark"; }

apicurio_key() { echo "$APICURIO_ARTIFACT $APICURIO_SHA256"; }

# A Schema Registry: the program and all its jars are in one archive. 3.x wants a
# newer Java than Debian has.
apicurio_make() {
    mvn -B -q --strict-checksums dependency:copy -Dartifact="$APICURIO_ARTIFACT" \
        -DoutputDirectory="$PWD"
    local file=apicurio-registry-app-2.6.13.Final-all.tar.gz
    verify "$file" "$APICURIO_SHA256"
    mkdir apicurio
    tar -xzf "$file" -C apicurio
    mv apicurio/*-runner.jar apicurio/registry.jar
    rm -rf "$PREFIX/apicurio"
    mv apicurio "$PREFIX/apicurio"
}

# The jars that maven/NAME.xml names, with all they need, in TARGET.
maven_jars() { # NAME TARGET
    mvn -B -q --strict-checksums -f "$TOOLS/maven/$1.xml" dependency:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$PWD/jars"
    (cd jars && sha256sum --quiet --strict -c "$TOOLS/maven/$1.sha256")
    # Nothing but what is in the list, either.
    diff <(cd jars && ls) <(sed 's/^.*  //' "$TOOLS/maven/$1.sha256" | sort)
    rm -rf "$2"
    mv jars "$2"
}

# --- Python ---------------------------------------------------------------

python_key() { cat "$TOOLS/requirements.txt"; }

# requirements.txt is complete (made by tools/requirements.sh), hence --no-deps.
python_make() {
    rm -rf "$PREFIX/venv"
    python3 -m venv "$PREFIX/venv"
    "$PREFIX/venv/bin/pip" install --no-deps --require-hashes -r "$TOOLS/requirements.txt"
}

readers_key() { cat "$TOOLS/readers.txt"; }

# As a user has them: pandas, polars, DuckDB, delta-rs, and dbt.
readers_make() {
    rm -rf "$PREFIX/readers"
    python3 -m venv "$PREFIX/readers"
    "$PREFIX/readers/bin/pip" install --no-deps --require-hashes -r "$TOOLS/readers.txt"
}
