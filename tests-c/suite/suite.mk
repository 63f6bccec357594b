# The C suite: each program is built once for each mode of use; tests-c/harness/interface.h says what the modes are.

# In gnu11 linux is a macro, which gcc before 10 replaces in __has_include (<linux/...>) too.
TEST_FLAGS := -std=gnu11 -Ulinux -D_GNU_SOURCE -O1 -g -Wall -Wextra $(WERROR) -Itests-c/harness
TEST_SOURCES := $(sort $(wildcard tests-c/suite/tst-*.c))

# posix_spawn has no counterpart of what these show.
LIBRARY_ONLY := $(filter $(addprefix tests-c/suite/tst-,$(addsuffix .c,bound cgroup cgroup-functions \
  closefrom-fallback emulators environment ext-% fallback fallback-failures fork-busy-threads fork-failures \
  fork-identity fork-libc-state fork-recycled-pid fork-ring fork-sandbox getpid-ioctl load memory pidfd_fork \
  pidfd_getpid recognition trapping-sandbox wait wait-kernel wait-stolen wait-time64)),$(TEST_SOURCES))

LINKED := $(TEST_SOURCES:tests-c/suite/%.c=build/tests/linked/%)
PRELOADED := $(TEST_SOURCES:tests-c/suite/%.c=build/tests/preloaded/%)
STATIC := $(TEST_SOURCES:tests-c/suite/%.c=build/tests/static/%)
REFERENCE := $(patsubst tests-c/suite/%.c,build/tests/reference/%,$(filter-out $(LIBRARY_ONLY),$(TEST_SOURCES)))
# The same with the library preloaded, whose posix_spawn must be the libc's: see tests-c/suite/run.
TAKENOVER := $(REFERENCE:build/tests/reference/%=build/tests/takenover/%)
# The linked programs once more, without clone3: see tests-c/suite/run.
FALLBACK := $(LINKED:build/tests/linked/%=build/tests/fallback/%)
HARNESS := $(wildcard tests-c/harness/*.h)
# The parts of the harness that are linked with each program; the others but the first stand alone.
HARNESS_PARTS := runner tap snapshot procfs seccomp

##@ Tests of the library
.PHONY: check-c
check-c: ## The C suite: linked, preloaded, static, without clone3; posix_spawn without the library and with it
	@scripts/require-tools cc
	+@$(MAKE) --no-print-directory -s -j2 build-tests
	@tests-c/suite/run "$(CURDIR)/$(SO)" $(REFERENCE) $(TAKENOVER) $(LINKED) $(FALLBACK) $(PRELOADED) $(STATIC)

# A library with the instructions of src/kernel/arch/generic.rs, which never uses clone3.
GENERIC := build/generic/lib/libpidfd_spawn.so.0

$(GENERIC): $(RUST_SOURCES)
	@scripts/require-tools cargo cc
	@mkdir -p $(@D)
	RUSTFLAGS="$(RUSTFLAGS) --cfg generic_instructions" \
	  scripts/cargo build -q --release --locked -p libpidfd_spawn --target-dir target/generic
	cp target/generic/$$(scripts/cargo --host)/release/libpidfd_spawn_c.so $@

.PHONY: check-generic
check-generic: $(GENERIC) $(LINKED) build/tests/seccomp-deny ## The C suite as on an architecture unknown here
	@readelf --dyn-syms -W $(GENERIC) | grep -q ' UND syscall$$' || \
	  { echo "check-generic: that library has its own instructions"; exit 1; }
	@LD_LIBRARY_PATH="$(CURDIR)/$(dir $(GENERIC))" ldd $(firstword $(LINKED)) | grep -q $(GENERIC) || \
	  { echo "check-generic: the programs take another library"; exit 1; }
	@GENERIC_INSTRUCTIONS=1 LD_LIBRARY_PATH="$(CURDIR)/$(dir $(GENERIC))" \
	  tests-c/suite/run $(GENERIC) $(FALLBACK)

.PHONY: mutants
mutants: build/tests/seccomp-deny $(LINKED) $(REFERENCE) build-musl-tests ## Break rules: is it noticed?  ONLY=name
	@scripts/require-tools cargo cc unshare
	mutants/run -j2 $(ONLY)

# What only programs of musl can tell of the library; make check-matrix runs all of the suite there.
MUSL := $(addprefix build/tests/musl/tst-,cgroup-functions load path recognition)

.PHONY: build-musl-tests
build-musl-tests: $(SO) $(HEADERS)
	@scripts/require-tools musl-gcc
	+@$(MAKE) --no-print-directory -s -j2 $(MUSL)

.PHONY: build-tests
build-tests: $(LINKED) $(PRELOADED) $(STATIC) $(REFERENCE) build/tests/seccomp-deny

MODE_linked := -DMODE_LINKED -Ibuild/include
MODE_static := -DMODE_STATIC -Ibuild/include
# Position-independent, so that a weak symbol that is not there at link time is looked up at load.
MODE_preloaded := -DMODE_PRELOADED -fPIE
MODE_reference := -DMODE_REFERENCE

LINK_linked := -L$(LIB) -lpidfd_spawn -Wl,-rpath,'$$$$ORIGIN/../../lib'
LINK_static := $(ARCHIVE)
LINK_preloaded := -pie

$(LINKED): $(SO)
$(STATIC): $(ARCHIVE)

# Carried by the programs that load them: see objects/README.md.
OBJECTS := $(patsubst tests-c/suite/%.c,%.so,$(wildcard tests-c/suite/objects/*.c))
CARRIERS := $(patsubst tests-c/suite/%.c,%,$(shell grep -l '^OBJECT' $(TEST_SOURCES)))
OBJECT_HEADERS := $(addprefix tests-c/harness/,call.h interface.h numbers.h) tests-c/guard/guard.h
OBJECT_FLAGS := $(TEST_FLAGS) -DMODE_PRELOADED -shared -fPIC

build/tests/objects/%.so: tests-c/suite/objects/%.c $(OBJECT_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(OBJECT_FLAGS) -o $@ $< -pthread

$(foreach mode,linked preloaded reference,$(CARRIERS:%=build/tests/$(mode)/%)): $(addprefix build/tests/,$(OBJECTS))

# One harness and one rule for the programs, for each mode.
define programs_of_mode
$(HARNESS_PARTS:%=build/tests/$(1)/harness/%.o): build/tests/$(1)/harness/%.o: tests-c/harness/%.c $(HARNESS) $(HEADERS)
	@mkdir -p $$(@D)
	$(CC) $(TEST_FLAGS) $(MODE_$(1)) -c -o $$@ $$<

build/tests/$(1)/%: tests-c/suite/%.c $(HARNESS_PARTS:%=build/tests/$(1)/harness/%.o)
	$(CC) $(TEST_FLAGS) $(MODE_$(1)) -o $$@ $$(filter %.c %.o,$$^) $(LINK_$(1)) -pthread
endef
$(foreach mode,linked static preloaded reference,$(eval $(call programs_of_mode,$(mode))))

build/tests/seccomp-deny: tests-c/harness/seccomp-deny.c tests-c/harness/seccomp.c tests-c/harness/seccomp.h
	@mkdir -p $(@D)
	$(CC) $(TEST_FLAGS) -o $@ $(filter %.c,$^)

build/tests/has-clone3: tests-c/harness/has-clone3.c tests-c/harness/numbers.h
	@mkdir -p $(@D)
	$(CC) $(TEST_FLAGS) -o $@ $<

# musl comes without the kernel's headers.  They are offered last, and in a folder of their own: beside them are
# glibc's.
MUSL_TEST_FLAGS := -Ibuild/include -idirafter build/tests/musl/kernel

build/tests/musl/kernel:
	@mkdir -p $@
	ln -sfn /usr/include/linux /usr/include/asm-generic $@/
	ln -sfn /usr/include/$$($(CC) -print-multiarch)/asm $@/asm

build/tests/musl/objects/%.so: tests-c/suite/objects/%.c $(OBJECT_HEADERS)
	@mkdir -p $(@D)
	musl-gcc $(OBJECT_FLAGS) -o $@ $< -pthread

$(CARRIERS:%=build/tests/musl/%): $(addprefix build/tests/musl/,$(OBJECTS))

MUSL_HARNESS := $(HARNESS_PARTS:%=build/tests/musl/harness/%.o)

$(MUSL_HARNESS): build/tests/musl/harness/%.o: tests-c/harness/%.c $(HARNESS) $(HEADERS) | build/tests/musl/kernel
	@mkdir -p $(@D)
	musl-gcc $(TEST_FLAGS) -DMODE_LINKED -fPIE $(MUSL_TEST_FLAGS) -c -o $@ $<

build/tests/musl/%: tests-c/suite/%.c $(MUSL_HARNESS) $(SO)
	musl-gcc $(TEST_FLAGS) -DMODE_LINKED -DOBJECTS='"build/tests/musl/objects/"' -fPIE $(MUSL_TEST_FLAGS) -o $@ \
	  $(filter %.c %.o,$^) -L$(LIB) -lpidfd_spawn -Wl,-rpath,'$$ORIGIN/../../lib' -pthread
