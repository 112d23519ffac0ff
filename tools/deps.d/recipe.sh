# shellcheck shell=bash
# recipe.sh - run each recipe once, under a lock, and remember that it is done
#
# A recipe NAME consists of `NAME_key`, which prints whatever its result depends
# on beside its own text (versions, sums, files), and `NAME_make`, which does
# the work in an empty scratch folder and moves the result below $PREFIX.
#
# $PREFIX/stamp/NAME   key of the finished recipe, and the seconds it took
# $PREFIX/lock/NAME    held while the recipe runs
# $PREFIX/log/NAME     what it printed; its end is shown when it fails
# $PREFIX/scratch/     working folders, removed at the end

RECIPES=(librdkafka duckdb uplot kafka spark python readers minio versitygw apicurio axe prometheus
    dashboards yyjson minimal systemd debian)

say() { printf 'deps: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}

# The key covers the recipe's text: a changed recipe runs again.
recipe_key() {
    { declare -f "$1_make" && "$1_key"; } | sha256sum | cut -d' ' -f1
}

recipe_is_done() { # NAME KEY
    local key=
    [ -f "$PREFIX/stamp/$1" ] && read -r key _ <"$PREFIX/stamp/$1"
    [ "$key" = "$2" ]
}

recipe_is_made() { recipe_is_done "$1" "$(recipe_key "$1")"; }

recipe_make() { # NAME
    local name=$1 key
    key=$(recipe_key "$name")
    if recipe_is_done "$name" "$key"; then
        return 0
    fi
    mkdir -p "$PREFIX"/{stamp,lock,log,scratch,bin,lib/pkgconfig,include}
    exec 9>"$PREFIX/lock/$name"
    if ! flock -n 9; then
        say "$name: another run is at work on it, waiting"
        flock 9
    fi
    # It may have been finished while we waited.
    recipe_is_done "$name" "$key" || recipe_run "$name" "$key"
    exec 9>&-
}

recipe_run() { # NAME KEY
    local name=$1 key=$2 log="$PREFIX/log/$1" scratch status=0 start=$SECONDS
    say "$name: making it (log: $log)"
    rm -f "$PREFIX/stamp/$name"
    scratch=$(mktemp -d "$PREFIX/scratch/$name.XXXXXX")
    # Not `recipe_subshell … || status=$?`: that would turn `set -e` off inside.
    # The lock is not inherited, or a process left behind by a client would keep it.
    set +e
    recipe_subshell "$name" "$scratch" >"$log" 2>&1 9>&-
    status=$?
    set -e
    rm -rf "$scratch"
    if [ "$status" -ne 0 ]; then
        tail -n 25 "$log" >&2
        die "$name: failed, the whole log is $log"
    fi
    printf '%s %s\n' "$key" "$((SECONDS - start))" >"$PREFIX/stamp/$name.new"
    mv "$PREFIX/stamp/$name.new" "$PREFIX/stamp/$name"
    say "$name: done in $((SECONDS - start)) s"
}

recipe_subshell() ( # NAME SCRATCH
    set -euo pipefail
    cd "$2"
    "$1_make"
)

recipe_status() {
    local name seconds
    for name in "${RECIPES[@]}"; do
        if recipe_is_made "$name"; then
            read -r _ seconds <"$PREFIX/stamp/$name"
            printf '%-12s done, took %s s\n' "$name" "$seconds"
        elif [ -e "$PREFIX/lock/$name" ] && ! flock -n "$PREFIX/lock/$name" true; then
            printf '%-12s being made\n' "$name"
        else
            printf '%-12s missing\n' "$name"
        fi
    done
}

# The sum of FILE must be SUM, or nothing goes on.
verify() { # FILE SUM
    local sum
    sum=$(sha256sum "$1" | cut -d' ' -f1)
    [ "$sum" = "$2" ] || die "$(basename "$1"): sha256 is $sum, pinned is $2"
}

# Fetch a package's archive with npm and unpack it into the current folder.
npm_unpack() { # PACKAGE@VERSION SUM
    local file
    file=$(npm pack --silent --pack-destination . "$1" | tail -n 1)
    verify "$file" "$2"
    tar -xzf "$file"
}

machine() {
    case $(uname -s)-$(uname -m) in
    Linux-x86_64) echo x64 ;;
    Linux-aarch64) echo arm64 ;;
    *) uname -sm ;;
    esac
}
