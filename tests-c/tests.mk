# The C suite: each program of tests-c/ is built once for each way of use; interface.h says what the ways are.

TEST_FLAGS := -std=gnu11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Werror
TEST_SOURCES := $(sort $(wildcard tests-c/tst-*.c))

# posix_spawn has no counterpart of what these show.
LIBRARY_ONLY := $(addprefix tests-c/tst-,pidfd.c pidfd_getpid.c pidfd_fork.c cgroup.c)

LINKED := $(TEST_SOURCES:tests-c/%.c=build/tests/linked/%)
PRELOADED := $(TEST_SOURCES:tests-c/%.c=build/tests/preloaded/%)
STATIC := $(TEST_SOURCES:tests-c/%.c=build/tests/static/%)
REFERENCE := $(patsubst tests-c/%.c,build/tests/reference/%,$(filter-out $(LIBRARY_ONLY),$(TEST_SOURCES)))
HARNESS := tests-c/test.c tests-c/test.h tests-c/interface.h

.PHONY: check-c
check-c: ## The C suite: linked, preloaded, static, and against posix_spawn as the reference
	@scripts/need cc
	+@$(MAKE) --no-print-directory -s -j2 build-tests
	tests-c/run $(CURDIR)/$(SO) $(REFERENCE) $(LINKED) $(PRELOADED) $(STATIC)

.PHONY: build-tests
build-tests: $(LINKED) $(PRELOADED) $(STATIC) $(REFERENCE)

build/tests/linked/%: tests-c/%.c $(HARNESS) $(SO) headers
	@mkdir -p $(@D)
	$(CC) $(TEST_FLAGS) -DWAY_LINKED -Ibuild/include -o $@ tests-c/test.c $< -L$(LIB) -lpidfd_spawn -pthread -Wl,-rpath,'$$ORIGIN/../../lib'

build/tests/static/%: tests-c/%.c $(HARNESS) $(ARCHIVE) headers
	@mkdir -p $(@D)
	$(CC) $(TEST_FLAGS) -DWAY_STATIC -Ibuild/include -o $@ tests-c/test.c $< $(ARCHIVE) -pthread

# Position-independent, so that a weak symbol that is not there at link time is looked up at load.
build/tests/preloaded/%: tests-c/%.c $(HARNESS)
	@mkdir -p $(@D)
	$(CC) $(TEST_FLAGS) -DWAY_PRELOADED -fPIE -pie -o $@ tests-c/test.c $< -pthread

build/tests/reference/%: tests-c/%.c $(HARNESS)
	@mkdir -p $(@D)
	$(CC) $(TEST_FLAGS) -DWAY_REFERENCE -o $@ tests-c/test.c $< -pthread
