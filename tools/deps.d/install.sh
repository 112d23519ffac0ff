# shellcheck shell=bash
# install.sh - what the tests of packages and of `make install` need: shells, containers, and two
# Debians to install into

APT_INSTALL=(bash-completion zsh fish groff lintian podman runc debootstrap systemd)
INSTALL_SUITE=bookworm

deps_install() {
    apt_install "${APT_INSTALL[@]}"
    recipe_make minimal
    recipe_make systemd
}

minimal_key() { echo "$INSTALL_SUITE"; }
minimal_make() { install_debian minimal; }

# With the libraries of Debian that the package depends on: nothing is fetched during a test.
systemd_key() { echo "$INSTALL_SUITE"; }
systemd_make() {
    install_debian systemd --include=systemd,systemd-sysv,dbus,ca-certificates,libcurl4,libzstd1,libmicrohttpd12
}

install_debian() { # NAME OPTION…
    local name=$1 mirror
    shift
    # shellcheck disable=SC2016
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
        "Codename: $INSTALL_SUITE" 'Origin: Debian' | head -n 1)
    [ -n "$mirror" ] || die "apt knows no mirror of Debian $INSTALL_SUITE"
    debootstrap --variant=minbase "$@" "$INSTALL_SUITE" root "$mirror"
    rm -rf root/var/cache/apt/archives/*.deb root/var/lib/apt/lists/*
    mkdir -p "$PREFIX/install"
    tar -C root -c . >"$PREFIX/install/$name.tar.new"
    mv "$PREFIX/install/$name.tar.new" "$PREFIX/install/$name.tar"
}
