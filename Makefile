# The menu. Everything here is a thin call of tools/deps, Meson or pytest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help deps build test unit scenario integration asan tsan sim fault fuzz bench \
	bench-formats demo test-stack format tidy clean docs install deb tarball test-install

DEPS := $(shell tools/deps prefix)
PYTEST := $(DEPS)/venv/bin/pytest
SETUP := PKG_CONFIG_PATH=$(DEPS)/lib/pkgconfig meson setup
BUILD ?= build
S ?= 60
T ?= json

help: ## this menu
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps: ## install and build what the build needs (once, cached outside the tree)
	@tools/deps build

$(BUILD)/build.ninja: | deps
	@$(SETUP) $(BUILD) >/dev/null || { cat $(BUILD)/meson-logs/meson-log.txt; exit 1; }

build: deps $(BUILD)/build.ninja ## build/sluice
	@ninja -C $(BUILD) sluice

demo: build ## the main job on an embedded broker: generator, SQL, ./lake, a query
	@$(BUILD)/sluice demo

test: ## everything that CI runs
	@tools/test

unit: deps $(BUILD)/build.ninja ## unit tests
	@ninja -C $(BUILD) && meson test -C $(BUILD) --suite unit --print-errorlogs

scenario: deps $(BUILD)/build.ninja ## scenario tests, three ways
	@ninja -C $(BUILD) && meson test -C $(BUILD) --suite scenario --print-errorlogs

integration: build ## pytest against real Kafka, MinIO, versitygw, Spark, delta-rs
	@tools/deps test && tools/deps wait && $(PYTEST) tests/integration $(ARGS)

test-stack: deps ## deploy/ for real: images, compose, restarts; with podman, some minutes
	@tools/deps stack && tools/deps wait && $(PYTEST) tests/stack $(ARGS)
	@tests/stack/install/run

asan: deps ## unit and scenario tests under AddressSanitizer and UBSan
	@tools/test asan

tsan: deps ## what threads share, under ThreadSanitizer
	@tools/test tsan

sim: deps $(BUILD)/build.ninja ## the commit protocol under random schedules
	@ninja -C $(BUILD) && meson test -C $(BUILD) --suite sim --print-errorlogs

fault: build ## kill it for long: ARGS='--kills 500'
	@tools/deps test && tools/deps wait && $(DEPS)/venv/bin/python tests/fault/kill.py $(ARGS)

fuzz: deps ## a fuzz target for a while: T=json S=60
	@tools/test fuzz $(T) $(S)

bench: build ## Sluice beside bare librdkafka and Spark, in one run
	@tools/deps test && tools/deps wait && $(DEPS)/venv/bin/python bench/run.py $(ARGS)

bench-formats: build ## decoding alone, beside the usual libraries and Spark
	@tools/deps wait python spark && tools/deps bench && \
		$(DEPS)/venv/bin/python bench/formats.py $(ARGS)

docs: build ## regenerate the pages made from tables
	@tools/gendocs $(BUILD)/sluice

format: ## clang-format over the tree
	@git ls-files '*.c' '*.h' | xargs clang-format -i

tidy: deps ## lint: folders, names, format, sizes, banned calls
	@tools/tidy $(BUILD)

install: build ## into PREFIX (default /usr/local)
	@ninja -C $(BUILD) installed && meson install -C $(BUILD) --no-rebuild $(if $(DESTDIR),--destdir $(DESTDIR))

deb: deps ## dist/sluice_VERSION_ARCH.deb
	@tools/package deb

tarball: deps ## dist/sluice-VERSION-linux-MACHINE.tar.gz, which needs glibc alone
	@tools/package tarball

test-install: deps ## the packages for real: a bare chroot, a container with systemd; some minutes
	@tests/stack/install/run $(ARGS)

clean: ## forget the build
	@rm -rf build build-*
