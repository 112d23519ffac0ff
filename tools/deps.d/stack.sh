# shellcheck shell=bash
# stack.sh - what `make test-stack` needs: containers on a machine that may have no service for
# them and no registry of images, only packages

APT_STACK=(podman runc netavark aardvark-dns iptables docker-compose debootstrap)
STACK_SUITE=bookworm

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

debian_key() { echo "$STACK_SUITE"; }

# A minimal Debian from where apt gets its packages, as an archive that podman imports.
debian_make() {
    local mirror
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
        "Codename: $STACK_SUITE" 'Origin: Debian' | head -n 1)
    [ -n "$mirror" ] || die "apt knows no mirror of Debian $STACK_SUITE"
    debootstrap --variant=minbase "$STACK_SUITE" root "$mirror"
    rm -rf root/usr/share/{doc,man,info,locale} root/var/cache/apt/archives/*.deb \
        root/var/lib/apt/lists/*
    tar -C root -c . >debian.tar
    mkdir -p "$PREFIX/stack"
    mv debian.tar "$PREFIX/stack/debian.tar"
}
