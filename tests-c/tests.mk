# The C suite: each program of tests-c/ is built once for each way of use; interface.h says what the ways are.

TEST_FLAGS := -std=gnu11 -D_GNU_SOURCE -O1 -g -Wall -Wextra $(WERROR)
TEST_SOURCES := $(sort $(wildcard tests-c/tst-*.c))

# posix_spawn has no counterpart of what these show.
LIBRARY_ONLY := $(addprefix tests-c/tst-,$(addsuffix .c,bound cgroup cgroup-functions closefrom-fallback emulators environment fallback fallback-failures \
  fork-company fork-failures fork-stranger getpid-ioctl memory pidfd_fork pidfd_getpid))

LINKED := $(TEST_SOURCES:tests-c/%.c=build/tests/linked/%)
PRELOADED := $(TEST_SOURCES:tests-c/%.c=build/tests/preloaded/%)
STATIC := $(TEST_SOURCES:tests-c/%.c=build/tests/static/%)
REFERENCE := $(patsubst tests-c/%.c,build/tests/reference/%,$(filter-out $(LIBRARY_ONLY),$(TEST_SOURCES)))
# The linked programs once more, without clone3: see tests-c/run.
FALLBACK := $(LINKED:build/tests/linked/%=build/tests/fallback/%)
HARNESS := tests-c/test.c tests-c/test.h tests-c/interface.h tests-c/cgroup.h

.PHONY: check-c
check-c: ## The C suite: linked, preloaded, static, without clone3, and posix_spawn as the reference
	@scripts/need cc
	+@$(MAKE) --no-print-directory -s -j2 build-tests
	@tests-c/run "$(CURDIR)/$(SO)" $(REFERENCE) $(LINKED) $(FALLBACK) $(PRELOADED) $(STATIC)

# A library with the instructions of src/kernel/arch/generic.rs.  It needs more stack than tst-memory grants, and never
# uses clone3.
GENERIC := build/generic/lib/libpidfd_spawn.so.0

$(GENERIC): $(RUST_SOURCES)
	@scripts/need cargo cc
	@mkdir -p $(@D)
	RUSTFLAGS="$(RUSTFLAGS) --cfg generic_instructions" scripts/cargo build -q --release --locked -p libpidfd_spawn --target-dir target/generic
	cp target/generic/$$(scripts/cargo --host)/release/libpidfd_spawn_c.so $@

.PHONY: check-generic
check-generic: $(GENERIC) $(LINKED) build/tests/refuse ## The C suite with the system calls of an architecture that has no instructions here
	@readelf --dyn-syms -W $(GENERIC) | grep -q ' UND syscall$$' || { echo "check-generic: that library has its own instructions"; exit 1; }
	@LD_LIBRARY_PATH="$(CURDIR)/$(dir $(GENERIC))" ldd $(firstword $(LINKED)) | grep -q $(GENERIC) || { echo "check-generic: the programs take another library"; exit 1; }
	@LD_LIBRARY_PATH="$(CURDIR)/$(dir $(GENERIC))" tests-c/run $(GENERIC) $(filter-out %/tst-memory,$(FALLBACK))

.PHONY: mutants
mutants: build/tests/refuse $(LINKED) ## Break the library, one rule at a time, and show that the tests notice; ONLY=name for one
	@scripts/need cargo cc unshare
	mutants/run -j2 $(ONLY)

.PHONY: check-hostile
check-hostile: $(LINKED) build/tests/refuse ## The C suite where system calls are refused and privileges are missing
	@scripts/need cc setpriv unshare
	-@scripts/need valgrind qemu-$$(uname -m)
	@tests-c/hostile build/tests/linked build/tests/refuse

.PHONY: build-tests
build-tests: $(LINKED) $(PRELOADED) $(STATIC) $(REFERENCE) build/tests/refuse

WAY_linked := -DWAY_LINKED -Ibuild/include
WAY_static := -DWAY_STATIC -Ibuild/include
# Position-independent, so that a weak symbol that is not there at link time is looked up at load.
WAY_preloaded := -DWAY_PRELOADED -fPIE
WAY_reference := -DWAY_REFERENCE

LINK_linked := -L$(LIB) -lpidfd_spawn -Wl,-rpath,'$$$$ORIGIN/../../lib'
LINK_static := $(ARCHIVE)
LINK_preloaded := -pie

$(LINKED): $(SO)
$(STATIC): $(ARCHIVE)

# One harness and one rule for the programs, for each way.
define programs_of_way
build/tests/$(1)/test.o: $(HARNESS) $(HEADERS)
	@mkdir -p $$(@D)
	$(CC) $(TEST_FLAGS) $(WAY_$(1)) -c -o $$@ tests-c/test.c

build/tests/$(1)/%: tests-c/%.c build/tests/$(1)/test.o
	$(CC) $(TEST_FLAGS) $(WAY_$(1)) -o $$@ $$< build/tests/$(1)/test.o $(LINK_$(1)) -pthread
endef
$(foreach way,linked static preloaded reference,$(eval $(call programs_of_way,$(way))))

build/tests/refuse: tests-c/refuse.c
	@mkdir -p $(@D)
	$(CC) $(TEST_FLAGS) -o $@ $<
