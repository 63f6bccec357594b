# libpidfd_spawn: `make help` lists the targets.

VERSION := 0.1.0
SONAME := libpidfd_spawn.so.0
CC ?= cc
CARGO ?= cargo
# Empty for who builds a package by a compiler of tomorrow, whose new warnings are no reason to stop.
WERROR ?= -Werror
# What is loaded of the shared library, in bytes.  Empty: what our compilers need for that architecture.
SIZE_LIMIT ?=

LIB := build/lib
SO := $(LIB)/libpidfd_spawn.so
ARCHIVE := $(LIB)/libpidfd_spawn.a
HEADERS := build/include/spawn_ext.h build/include/pidfd_spawn.h
RUST_SOURCES := $(shell find src packaging build.rs Cargo.toml Cargo.lock -name '*.rs' -o -name '*.toml' -o -name '*.lock')

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

##@ Building
.PHONY: all
all: $(SO) $(ARCHIVE) $(HEADERS) ## Build the libraries and the headers into build/ (the default)

build/include/%: include/%
	@mkdir -p $(@D)
	cp $< $@

target/release/libpidfd_spawn_c.so target/release/libpidfd_spawn_c.a &: $(RUST_SOURCES)
	@scripts/need cargo cc
	$(CARGO) build --release --locked -p libpidfd_spawn
	@touch -c target/release/libpidfd_spawn_c.so target/release/libpidfd_spawn_c.a

$(SO): target/release/libpidfd_spawn_c.so
	@mkdir -p $(@D)
	cp $< $(SO).$(VERSION).new
	@# Not in place: a process may have the old file mapped.
	mv -f $(SO).$(VERSION).new $(SO).$(VERSION)
	ln -sf libpidfd_spawn.so.$(VERSION) $(LIB)/$(SONAME)
	ln -sf $(SONAME) $(SO)
	@touch $(SO)

$(ARCHIVE): target/release/libpidfd_spawn_c.a scripts/static-archive
	@mkdir -p $(@D)
	scripts/static-archive $< $@

.PHONY: header
header: ## Generate include/spawn_ext.h from the source
	@scripts/need cargo
	$(CARGO) run -q --locked --manifest-path tools/header/Cargo.toml --target-dir target/header -- src/capi.rs > build/spawn_ext.h.new
	mv build/spawn_ext.h.new include/spawn_ext.h

.PHONY: clean
clean: ## Remove everything that was built
	rm -rf build target

##@ Seeing it work
.PHONY: demo
demo: all build/examples/supervisor build/examples/weak-client ## Build everything and run the examples
	build/examples/supervisor
	@echo
	@echo "A program that knows the functions as weak symbols only, without the library and with it preloaded:"
	build/examples/weak-client
	LD_PRELOAD=$(CURDIR)/$(SO) build/examples/weak-client --require

EXAMPLE_FLAGS := -std=c99 -O2 -Wall -Wextra $(WERROR)

build/examples/supervisor: examples/supervisor.c $(SO) $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(EXAMPLE_FLAGS) -Ibuild/include -o $@ $< -L$(LIB) -lpidfd_spawn -Wl,-rpath,'$$ORIGIN/../lib'

build/examples/weak-client: examples/weak-client.c
	@mkdir -p $(@D)
	$(CC) $(EXAMPLE_FLAGS) -fPIE -pie -o $@ $< -ldl

##@ Checking
.PHONY: check
check: lint check-rust check-header check-abi check-guards check-man check-examples check-info check-weaken \
  check-install check-overlay check-faults check-differential soak check-c ## Run all checks; the C suite comes last

.PHONY: lint
lint: ## Formatting, clippy, shell scripts, one version everywhere
	@scripts/need cargo shellcheck
	scripts/check-version $(VERSION)
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path examples/rust/Cargo.toml --check
	$(CARGO) clippy -q --locked --workspace --all-targets -- -D warnings
	$(CARGO) clippy -q --locked --manifest-path examples/rust/Cargo.toml --target-dir target/examples -- -D warnings
	shellcheck -x $$(grep -rIlE '^#!/(bin/sh|usr/bin/env bash)' scripts tests-c packaging man examples tools bench .ci)

.PHONY: check-rust
check-rust: ## Unit tests of the engine
	@scripts/need cargo cc
	$(CARGO) test -q --locked -p pidfd_spawn

.PHONY: check-crate
check-crate: ## The crate, its package and what it brings along, as Rust programs get them
	@scripts/check-crate $(VERSION)

.PHONY: check-header
check-header: ## The committed header is what the source gives; both compile in every language mode
	@scripts/need cargo cc g++ clang
	scripts/check-header

# The library that was built for another architecture, with ARCH=NAME.
FOREIGN := build/arch/$(ARCH)/lib

.PHONY: check-abi
ifneq ($(origin ARCH),command line)
check-abi: $(SO) $(ARCHIVE) ## Exported symbols and the form of the shared library; ARCH=NAME for one that check-arch built
	@scripts/need readelf
	scripts/check-abi $(SO) $(ARCHIVE) $(SIZE_LIMIT)
else
check-abi:
	@test -e $(FOREIGN)/libpidfd_spawn.so || { echo "check-abi: nothing was built for it yet: make check-arch ARCH=$(ARCH)"; exit 1; }
	scripts/check-abi $(FOREIGN)/libpidfd_spawn.so $(FOREIGN)/libpidfd_spawn.a
endif

.PHONY: update-abi
update-abi: $(SO) ## Rewrite the list of exported symbols
	scripts/exported $(SO) > abilist/$$(scripts/architecture $(SO)).abilist

include tests-c/tests.mk
include tests-c/differential/differential.mk
include tests-c/fault/fault.mk
include tests-c/soak/soak.mk
include tests-c/guard/guard.mk
include tests-c/matrix/matrix.mk
include tests-c/kernels/kernels.mk
include tests-c/arch/arch.mk
include tests-c/clients/clients.mk
include bench/bench.mk
include packaging/install/install.mk
include packaging/packages.mk
include man/man.mk
include examples/examples.mk
include examples/rust/rust.mk
include fuzz/fuzz.mk

.PHONY: support
support: ## Write docs/support.md from what the checks of other C libraries, kernels and programs left
	scripts/support build/results > build/support.md.new
	mv build/support.md.new docs/support.md

.PHONY: help
help: ## List the targets
	@awk -F':.*## ' '/^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
