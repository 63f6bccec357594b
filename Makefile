# libpidfd_spawn: `make help` lists the targets.

VERSION := 0.1.0
SONAME := libpidfd_spawn.so.0
CC ?= cc
CARGO ?= cargo
# A compiler of tomorrow warns of more, which is no reason to stop; check-warnings is for those who write the sources.
WERROR ?=
export WERROR
# What is loaded of the shared library, in bytes.  Empty: what our compilers need for that architecture.
SIZE_LIMIT ?=

OTHER_TMPDIR := $(shell scripts/tmpdir)
ifneq ($(OTHER_TMPDIR),)
export TMPDIR := $(OTHER_TMPDIR)
endif

LIB := build/lib
SO := $(LIB)/libpidfd_spawn.so
ARCHIVE := $(LIB)/libpidfd_spawn.a
HEADERS := build/include/spawn_ext.h build/include/pidfd_spawn.h
RUST_SOURCES := $(shell find src packaging build.rs Cargo.toml Cargo.lock \
  -name '*.rs' -o -name '*.[csS]' -o -name '*.toml' -o -name '*.lock' -o -name libc-functions)

# The demo and the checks install tools that are missing, where they may; who builds and installs is told of them.
ifeq ($(filter-out all tools install uninstall,$(or $(MAKECMDGOALS),all)),)
export AS_IS ?= 1
endif

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

##@ Building
.PHONY: all
all: $(SO) $(ARCHIVE) $(HEADERS) tools ## Build the libraries, headers and programs into build/ (the default)

build/include/%: include/%
	@mkdir -p $(@D)
	cp $< $@

# Cargo makes both at once; RHEL 8's make has no grouped targets.
build/rust/libpidfd_spawn_c.so: $(RUST_SOURCES)
	@scripts/require-tools cargo cc ar objcopy
	@# An old one is not to be taken for one that is not made.
	@rm -f "target/$$(scripts/cargo --host)/release/$(@F)"
	scripts/cargo build --release --locked -p libpidfd_spawn
	@mkdir -p $(@D)
	@cd "target/$$(scripts/cargo --host)/release" && if [ -e $(@F) ]; then cp $(@F:so=a) $(@F) "$(CURDIR)/$(@D)/"; \
	  else echo "make: rustc makes no shared library for $$(basename "$${PWD%/*}"), with these flags;" \
	  "RUSTFLAGS=\"-C target-feature=-crt-static\" may help" >&2; exit 1; fi

build/rust/libpidfd_spawn_c.a: build/rust/libpidfd_spawn_c.so
	@if [ -e $@ ]; then touch $@; else cp "target/$$(scripts/cargo --host)/release/$(@F)" $@; fi

$(SO): build/rust/libpidfd_spawn_c.so
	@mkdir -p $(@D)
	cp $< $(SO).$(VERSION).new
	@# Not in place: a process may have the old file mapped.
	mv -f $(SO).$(VERSION).new $(SO).$(VERSION)
	ln -sf libpidfd_spawn.so.$(VERSION) $(LIB)/$(SONAME)
	ln -sf $(SONAME) $(SO)
	@touch $(SO)

$(ARCHIVE): build/rust/libpidfd_spawn_c.a scripts/static-archive
	@mkdir -p $(@D)
	scripts/static-archive $< $@

.PHONY: header
header: ## Generate include/spawn_ext.h from the source
	@scripts/require-tools cargo
	@mkdir -p build
	scripts/cargo run -q --locked --manifest-path tools/header/Cargo.toml --target-dir target/header -- \
	  src/spawn/extended/args.rs src/capi/mod.rs >build/spawn_ext.h.new
	mv build/spawn_ext.h.new include/spawn_ext.h

.PHONY: clean
clean: ## Remove everything that was built
	rm -rf build target

.PHONY: demo
demo: all build/examples/supervisor build/examples/weak-client ## Build everything and run two examples
	build/examples/supervisor
	@echo
	@echo "A program that knows the functions as weak symbols only, without the library and with it preloaded:"
	build/examples/weak-client
	@# A relative path, for the loader splits this at spaces and colons.
	LD_PRELOAD=$(SO) build/examples/weak-client --require

EXAMPLE_FLAGS := -std=c99 -O2 -Wall -Wextra $(WERROR)

build/examples/supervisor: examples/supervisor.c $(SO) $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(EXAMPLE_FLAGS) -Ibuild/include -o $@ $< -L$(LIB) -lpidfd_spawn -Wl,-rpath,'$$ORIGIN/../lib'

build/examples/weak-client: examples/weak-client.c
	@mkdir -p $(@D)
	$(CC) $(EXAMPLE_FLAGS) -fPIE -pie -o $@ $< -ldl

##@ Checking
# What each needs and how long it takes, measured where README.md says.
CHECK := all check-rust check-abi check-header check-examples check-info check-weaken check-install check-c
CHECK_TOOLS := cargo cc ar objcopy readelf
CHECK_MINUTES := 5
# Without these some of it is skipped.
CHECK_MORE := bats c++ clang pkg-config cmake meson ninja python3 glib
# The order of these is that of their running; what a part needs is in the list of tools, so that it is asked for at
# once.
CHECK_DEV := lint check-rules check-warnings check-generated check-modes check-overlay check-man check-examples \
  check-install check-guards check-faults check-differential soak check-crate
CHECK_DEV_TOOLS := $(CHECK_TOOLS) rustfmt clippy shellcheck bats c++ clang clang++ musl-gcc pkg-config cmake meson \
  ninja python3 glib mandoc groff
CHECK_DEV_MINUTES := 10

.PHONY: check
check: ## Does the library work here? Needs Rust, a C compiler and make; skips with a reason what else is missing
	@scripts/require-tools $(CHECK_TOOLS)
	+@AS_IS=1 MORE="$(CHECK_MORE)" scripts/parts check $(CHECK_MINUTES) $(CHECK)

.PHONY: check-dev
check-dev: ## What a change must pass besides: linters, every language mode, faults, random cases, costs
	@scripts/require-tools $(CHECK_DEV_TOOLS)
	@scripts/tool-versions
	+@WERROR=-Werror scripts/parts check-dev $(CHECK_DEV_MINUTES) $(CHECK_DEV)

# Each of them by itself says what it is, and takes NAMES of what it has; .ci/run has what fits into an hour.
CHECK_ALL := check check-dev check-newcomer check-restricted check-generic check-matrix check-glibcs check-compilers \
  check-containers check-clients check-rust-client check-packages check-ports check-recipes check-release \
  check-kernels check-newest-kernel check-arch check-miri mutants

.PHONY: check-all
check-all: ## Everything, as before a release: most of a day
	+@scripts/parts check-all 900 $(CHECK_ALL)

.PHONY: lint
lint: check-line-length ## Formatting, clippy, shell scripts, one version everywhere
	@scripts/require-tools cargo rustfmt clippy shellcheck
	scripts/check-version $(VERSION)
	scripts/check-unsafe
	scripts/cargo fmt --all --check
	scripts/cargo fmt --manifest-path examples/rust/Cargo.toml --check
	scripts/cargo fmt --manifest-path examples/rust-event-loop/Cargo.toml --check
	scripts/cargo clippy -q --locked --workspace --all-targets -- -D warnings
	scripts/cargo clippy -q --locked -p pidfd_spawn --features std --all-targets -- -D warnings
	scripts/cargo clippy -q --locked --manifest-path examples/rust/Cargo.toml --target-dir target/examples -- -D warnings
	scripts/cargo clippy -q --locked --manifest-path examples/rust-event-loop/Cargo.toml --target-dir target/examples \
	  -- -D warnings
	shellcheck -x $$(grep -rIlE '^(#!/(bin/sh|usr/bin/env (bash|bats))|# shellcheck shell=)' \
	  scripts tests-c packaging man examples tools bench .ci)

.PHONY: check-line-length
check-line-length: ## No line of a text file is longer than 120 columns
	@scripts/check-line-length

.PHONY: check-warnings
check-warnings: $(HEADERS) ## No C source has a warning, by gcc and by clang
	@scripts/require-tools cc clang
	@scripts/tap scripts/check-warnings "$(EXAMPLE_FLAGS)" "$(TEST_FLAGS)" "$(LIBRARY_ONLY)"

.PHONY: check-rust
check-rust: ## Unit tests of the engine, and all tests of the safe module for Rust
	@scripts/require-tools cargo cc
	scripts/cargo test -q --locked -p pidfd_spawn
	scripts/cargo test -q --locked -p pidfd_spawn --features std

.PHONY: check-miri
check-miri: ## The parts in Rust that make no system call, by Miri; needs rustup's nightly, which it installs
	@scripts/check-miri

.PHONY: check-crate
check-crate: ## The crate, its package and what it brings along, as Rust programs get them
	@scripts/tap scripts/check-crate $(VERSION)

.PHONY: check-header
check-header: ## Both headers compile, alone and with the C library's, by the compilers that are here
	@scripts/require-tools cc
	@scripts/tap scripts/check-header few cc c++ clang++

.PHONY: check-modes
check-modes: ## Both headers compile in every language mode and include order, by gcc and clang
	@scripts/require-tools cc g++ clang
	@scripts/tap scripts/check-header all gcc clang g++ clang++

.PHONY: check-generated
check-generated: ## The committed header is what the source gives
	@scripts/require-tools cargo cc
	@scripts/check-header generated

# The library that was built for another architecture, with ARCH=NAME.
FOREIGN := build/arch/$(ARCH)/lib

.PHONY: check-abi
ifneq ($(origin ARCH),command line)
check-abi: $(SO) $(ARCHIVE) ## Exported symbols, the form of the libraries; ARCH=NAME for what check-arch built
	@scripts/require-tools readelf
	scripts/check-abi $(SO) $(ARCHIVE) $(SIZE_LIMIT)
else
check-abi:
	@test -e $(FOREIGN)/libpidfd_spawn.so || \
	  { echo "check-abi: nothing was built for it yet: make check-arch ARCH=$(ARCH)"; exit 1; }
	scripts/check-abi $(FOREIGN)/libpidfd_spawn.so $(FOREIGN)/libpidfd_spawn.a
endif

.PHONY: update-abi
update-abi: $(SO) ## Rewrite the list of exported symbols
	scripts/exported $(SO) > abilist/libpidfd_spawn.abilist

include tests-c/suite/suite.mk
include tests-c/differential/differential.mk
include tests-c/fault/fault.mk
include tests-c/soak/soak.mk
include tests-c/guard/guard.mk
include tests-c/environments/environments.mk
include tests-c/environments/recipes/recipes.mk
include examples/examples.mk
include examples/rust/rust.mk
include docs/docs.mk
include man/man.mk
include packaging/install/install.mk
include packaging/packages.mk
include bench/bench.mk
include fuzz/fuzz.mk

##@ Building
.PHONY: help
help: ## List the targets
	@awk -F':.*## ' '/^##@ / { group = substr($$0, 5); if (!(group in text)) order[++groups] = group } \
	  /^[a-z-]+:.*## / { text[group] = text[group] sprintf ("  %-18s %s\n", $$1, $$2) } \
	  END { for (i = 1; i <= groups; i++) printf "\n%s\n%s", order[i], text[order[i]] }' $(MAKEFILE_LIST)
