# The C suite on other kernels; see README.md.

KERNELS := build/kernels
KERNEL_PROGRAMS := $(TEST_SOURCES:tests-c/suite/%.c=$(KERNELS)/musl/%)
MUSL_CC ?= musl-gcc
# musl comes without the kernel's headers.  They are offered last, and in a folder of their own: beside them are glibc's.
MUSL_FLAGS := -static -DWAY_STATIC -Ibuild/include -idirafter $(KERNELS)/include

.PHONY: check-kernels
check-kernels: $(LINKED) build/tests/seccomp-deny ## The C suite on Linux 5.10, 6.1 and 6.12, and what older ones get; RELEASES=name for some
	@scripts/require-tools cc
	-@scripts/require-tools musl-gcc
	+@if command -v $(MUSL_CC) >/dev/null; then $(MAKE) --no-print-directory -s build-kernels; fi
	@tests-c/environments/kernels/run $(RELEASES)

.PHONY: build-kernels
build-kernels: $(KERNEL_PROGRAMS)

$(KERNELS)/include:
	@mkdir -p $@
	ln -sfn /usr/include/linux /usr/include/asm-generic $@/
	ln -sfn /usr/include/$$($(CC) -print-multiarch)/asm $@/asm

$(KERNELS)/musl/test.o: $(HARNESS) $(HEADERS) | $(KERNELS)/include
	@mkdir -p $(@D)
	$(MUSL_CC) $(TEST_FLAGS) $(MUSL_FLAGS) -c -o $@ tests-c/harness/runner.c

# One that musl's headers do not do for is left out; the run says so, with what the compiler said.
$(KERNELS)/musl/%: tests-c/suite/%.c $(KERNELS)/musl/test.o $(ARCHIVE)
	$(MUSL_CC) $(TEST_FLAGS) $(MUSL_FLAGS) -o $@ $< $(KERNELS)/musl/test.o $(ARCHIVE) -pthread >$@.log 2>&1 || rm -f $@
