# shellcheck shell=bash
# apt.sh - Debian packages, only those that are missing
#
# On another system this says what is wanted and goes on: a packager has these
# libraries already.

# Of containers and chroots in tests.
DEBIAN_SUITE=bookworm

# What compiling and linking needs; the container image is built with no more.
APT_COMPILE=(
    gcc libc6-dev make meson ninja-build pkg-config python3 python3-venv python3-pip
    libssl-dev libcurl4-openssl-dev libzstd-dev zlib1g-dev liblz4-dev
    libmicrohttpd-dev uthash-dev
)

# And what working on it needs besides.
APT_BUILD=(
    "${APT_COMPILE[@]}"
    clang clang-format clang-tidy libclang-rt-14-dev ccache
    libcmocka-dev libjansson-dev
    protobuf-compiler
    valgrind shellcheck pmccabe curl
)

apt_missing() { # PACKAGE…
    local have
    # Unknown names only go to stderr; what is installed is printed.
    have=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "$@" 2>/dev/null |
        sed -n 's/^ii *//p') || true
    comm -23 <(printf '%s\n' "$@" | sort -u) <(printf '%s\n' "$have" | sort -u)
}

apt_root() { # COMMAND…
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        command -v sudo >/dev/null || die "not root and no sudo for: $*"
        sudo "$@"
    fi
}

apt_install() { # PACKAGE…
    local missing options=(-qq -o DPkg::Lock::Timeout=600)
    if ! command -v apt-get >/dev/null; then
        say "no apt here; these must be there already: $*"
        return 0
    fi
    mapfile -t missing < <(apt_missing "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    say "apt: installing ${missing[*]}"
    if [ -z "${APT_UPDATED:-}" ]; then
        apt_root apt-get "${options[@]}" update
        APT_UPDATED=yes
    fi
    apt_root env DEBIAN_FRONTEND=noninteractive \
        apt-get "${options[@]}" install -y --no-install-recommends "${missing[@]}" >/dev/null
}

# The files of packages, below FOLDER; nothing is installed and no service starts.
apt_unpack() { # FOLDER PACKAGE…
    command -v apt-get >/dev/null || die "no apt here: put the programs of ${*:2} into $PREFIX/bin"
    local file
    # Without lists of packages, or with old ones, the first try finds nothing.
    apt-get -qq download "${@:2}" || {
        apt_root apt-get -qq -o DPkg::Lock::Timeout=600 update
        apt-get -qq download "${@:2}"
    }
    for file in ./*.deb; do
        dpkg-deb -x "$file" "$1"
    done
}

# A minimal Debian in the folder `root`, from where apt gets its own packages.
debian_root() { # OPTION…
    local mirror
    # shellcheck disable=SC2016
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
        "Codename: $DEBIAN_SUITE" 'Origin: Debian' | head -n 1)
    [ -n "$mirror" ] || die "apt knows no mirror of Debian $DEBIAN_SUITE"
    debootstrap --variant=minbase "$@" "$DEBIAN_SUITE" root "$mirror"
    rm -rf root/var/cache/apt/archives/*.deb root/var/lib/apt/lists/*
}

# The folder `root` as an archive below the prefix.
debian_keep() { # PATH
    tar -C root -c . >root.tar
    mkdir -p "$PREFIX/${1%/*}"
    mv root.tar "$PREFIX/$1"
}

# A program that may also have come from elsewhere than apt.
need_program() { # PROGRAM PACKAGE…
    command -v "$1" >/dev/null || apt_install "${@:2}"
    command -v "$1" >/dev/null || die "$1 is needed and apt has not brought it"
}
