# The examples and their check; see README.md.  supervisor and weak-client are built by the top Makefile, for the demo.

include tools/info/info.mk
include tools/weaken/weaken.mk

EXAMPLES := build/examples
CHECKED_EXAMPLES := $(addprefix $(EXAMPLES)/,run-with-timeout parallel-map cgroup-run fork-server run-as)

##@ Programs and documents
.PHONY: check-examples
check-examples: $(CHECKED_EXAMPLES) build-event-loop build-rust-event-loop ## Run the examples, compare the results
	@scripts/bats examples/examples.bats

# Position-independent, so that a weak symbol that is not there at link time is looked up at load.
$(CHECKED_EXAMPLES): $(EXAMPLES)/%: examples/%.c $(SO) $(HEADERS)
	@scripts/require-tools cc
	@mkdir -p $(@D)
	$(CC) $(EXAMPLE_FLAGS) -fPIE -pie -Ibuild/include -o $@ $< -L$(LIB) -lpidfd_spawn -Wl,-rpath,'$$ORIGIN/../lib'

# Without GLib the check says why there is no such program.
.PHONY: build-event-loop
build-event-loop: $(SO) $(HEADERS)
	@mkdir -p $(EXAMPLES)
	@if why=$$(scripts/require-tools cc glib 2>&1); then \
	  rm -f $(EXAMPLES)/event-loop.missing; \
	  $(MAKE) -s --no-print-directory $(EXAMPLES)/event-loop; \
	else \
	  rm -f $(EXAMPLES)/event-loop; \
	  echo "$${why##*require-tools: }" >$(EXAMPLES)/event-loop.missing; \
	fi

# Its crates are not among those that the release tarball has, and need a newer compiler than the library.
.PHONY: build-rust-event-loop
build-rust-event-loop:
	@mkdir -p $(EXAMPLES)
	@rm -f $(EXAMPLES)/rust-event-loop $(EXAMPLES)/rust-event-loop.missing
	@manifest=examples/rust-event-loop/Cargo.toml; log=$(EXAMPLES)/rust-event-loop.log; \
	if scripts/cargo fetch -q --locked --manifest-path $$manifest 2>$$log; then \
	  scripts/cargo build -q --locked --manifest-path $$manifest && \
	  cp "target/$$(scripts/cargo --host)/debug/event-loop" $(EXAMPLES)/rust-event-loop; \
	else \
	  echo "cargo cannot fetch the crates: $$(grep -m 1 ^error $$log)" >$(EXAMPLES)/rust-event-loop.missing; \
	fi

$(EXAMPLES)/event-loop: examples/event-loop.c $(SO) $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(EXAMPLE_FLAGS) $$(pkg-config --cflags glib-2.0) -Ibuild/include -o $@ $< \
	  -L$(LIB) -lpidfd_spawn $$(pkg-config --libs glib-2.0) -Wl,-rpath,'$$ORIGIN/../lib'
