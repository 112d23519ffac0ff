# shellcheck shell=bash
# install.sh - what the tests of packages need: containers, and two Debians to install into

APT_INSTALL=(lintian podman runc debootstrap systemd)

deps_install() {
    apt_install "${APT_INSTALL[@]}"
    recipe_make minimal
    recipe_make systemd
}

minimal_key() { echo "$DEBIAN_SUITE"; }
minimal_make() {
    debian_root
    debian_keep install/minimal.tar
}

# With the libraries of Debian that the package depends on: nothing is fetched during a test.
systemd_key() { echo "$DEBIAN_SUITE"; }
systemd_make() {
    debian_root --include=systemd,systemd-sysv,dbus,ca-certificates,libcurl4,libzstd1,libmicrohttpd12
    debian_keep install/systemd.tar
}
