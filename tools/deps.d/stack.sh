# shellcheck shell=bash
# stack.sh - what `make test-stack` needs: containers on a machine that may have no service for
# them and no registry of images, only packages

APT_STACK=(podman runc netavark aardvark-dns iptables docker-compose debootstrap)

deps_stack() {
    apt_install "${APT_STACK[@]}"
    recipe_make debian
}

# Jars for the Spark image, with no more than they need.
deps_spark() {
    recipe_is_made spark || {
        need_program java openjdk-17-jre-headless
        need_program mvn maven
    }
    recipe_make spark
}

# What podman imports as the image that others begin with.
debian_key() { echo "$DEBIAN_SUITE"; }
debian_make() {
    debian_root
    rm -rf root/usr/share/{doc,man,info,locale}
    debian_keep stack/debian.tar
}
