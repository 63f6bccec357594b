# The benchmark; see README.md.

BENCH := build/bench
BENCH_SOURCES := $(filter-out bench/child.c bench/reporter.c,$(wildcard bench/*.c)) tests-c/harness/seccomp.c
BENCH_HEADERS := bench/bench.h bench/extended.h $(addprefix tests-c/harness/,numbers.h request.h seccomp.h) \
  $(HEADERS)
BENCH_FLAGS := $(EXAMPLE_FLAGS) -std=gnu11 -Ibuild/include -Itests-c/harness
ROUNDS ?= 8000

##@ Measuring
.PHONY: bench
bench: build-bench build-bench-musl ## Measure against the libc, glibc 2.41, musl and the kernel's floor: [ROUNDS=N]
	@scripts/require-tools python3
	@bench/run $(BENCH) $(ROUNDS)

# Without musl-gcc the other rows are measured all the same, and what was built before is not.
.PHONY: build-bench-musl
build-bench-musl:
	@scripts/require-tools musl-gcc && $(MAKE) --no-print-directory $(BENCH)/bench-musl || rm -f $(BENCH)/bench-musl

.PHONY: build-bench
build-bench: $(BENCH)/bench $(BENCH)/child $(BENCH)/reporter $(BENCH)/empty.so

$(BENCH)/bench: $(BENCH_SOURCES) $(BENCH_HEADERS) $(SO)
	@mkdir -p $(@D)
	$(CC) $(BENCH_FLAGS) -o $@ $(BENCH_SOURCES) -L$(LIB) -lpidfd_spawn -pthread -ldl \
	  -Wl,-rpath,'$$ORIGIN/../lib'

# For another C library: the same sources, with the archive.
$(BENCH)/bench-musl: $(BENCH_SOURCES) $(BENCH_HEADERS) $(ARCHIVE) | build/tests/musl/kernel
	@mkdir -p $(@D)
	musl-gcc $(BENCH_FLAGS) -static -idirafter build/tests/musl/kernel -o $@ $(BENCH_SOURCES) $(ARCHIVE) -pthread

$(BENCH)/child: bench/child.c
	@mkdir -p $(@D)
	$(CC) -O2 -Wall -Wextra -Werror -static -nostdlib -o $@ $<

$(BENCH)/reporter: bench/reporter.c bench/extended.h $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(BENCH_FLAGS) -o $@ $<

$(BENCH)/empty.so:
	@mkdir -p $(@D)
	echo | $(CC) -shared -x c -o $@ -

# Without one of the compilers the others are measured all the same, and what was built before is not.
PROGRAMS := $(BENCH)/programs

.PHONY: bench-programs
bench-programs: build-bench $(PROGRAMS)/pidfd-spawn-ext ## Measure whole programs in C, Python, Go, Rust: [ROUNDS=N]
	@scripts/require-tools python3
	@scripts/require-tools go && $(MAKE) --no-print-directory $(PROGRAMS)/os-exec || rm -f $(PROGRAMS)/os-exec
	@scripts/require-tools cargo && $(MAKE) --no-print-directory $(PROGRAMS)/std-command || rm -f $(PROGRAMS)/std-command
	@python3 bench/programs/run.py $(BENCH) $$(($(ROUNDS) / 40))

$(PROGRAMS)/pidfd-spawn-ext: bench/programs/pidfd-spawn-ext.c bench/extended.h $(SO) $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(BENCH_FLAGS) -o $@ $< -L$(LIB) -lpidfd_spawn -Wl,-rpath,'$$ORIGIN/../../lib'

$(PROGRAMS)/os-exec: bench/programs/os-exec.go
	@mkdir -p $(@D)
	GOCACHE=$(CURDIR)/$(BENCH)/go-cache go build -o $@ $<

$(PROGRAMS)/std-command: bench/programs/std-command.rs
	@mkdir -p $(@D)
	$${RUSTC:-rustc} --edition 2021 -O -o $@ $<

BUILDS ?= 6

.PHONY: bench-build
bench-build: $(SO) ## Measure a whole build, of git, with the library preloaded and without: [BUILDS=N]
	@scripts/require-tools python3
	@mkdir -p $(BENCH)
	@python3 bench/build.py $(BENCH) $(CURDIR)/$(SO) $(BUILDS)

.PHONY: plots
plots: $(GUARD)/guard $(GUARD)/driver ## Draw docs/plots/ from what `make bench` measured
	@scripts/require-tools python3 gnuplot
	@-scripts/require-tools musl-gcc && $(MAKE) --no-print-directory $(GUARD)/driver-musl
	python3 bench/plot.py $(BENCH) $(GUARD) docs/plots

.PHONY: performance
performance: ## Renew the rows of docs/performance.md from what the targets of this group measured
	@scripts/require-tools python3
	@python3 bench/table.py $(BENCH) >/dev/null
	python3 bench/performance.py $(BENCH)/table.md docs/performance.md >$(BENCH)/performance.md.new
	mv $(BENCH)/performance.md.new docs/performance.md
