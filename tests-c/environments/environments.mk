# The library elsewhere, by one driver, `run`; the READMEs of the folders say what each check does.

ENVIRONMENTS = CC="$(CC)" CARGO="$(CARGO)" tests-c/environments/run $(if $(JOBS),--jobs $(JOBS))
VM_LIMIT = $(if $(VM_TIME_LIMIT),--vm-time-limit $(VM_TIME_LIMIT))

##@ Other environments
.PHONY: check-matrix
check-matrix: $(SO) $(ARCHIVE) $(HEADERS) ## The C suite with every glibc and musl that is to be had; LIBC="name ..."
	@scripts/require-tools python3
	@$(ENVIRONMENTS) matrix $(LIBC)

.PHONY: check-glibcs
check-glibcs: $(SO) $(ARCHIVE) $(HEADERS) ## Headers and programs for every glibc since 2.17, linked; GLIBC="2.28 ..."
	@scripts/require-tools python3
	@$(ENVIRONMENTS) glibcs $(GLIBC)

.PHONY: check-compilers
check-compilers: $(HEADERS) ## The library built by Debian 12's own rustc and cargo, the C suite by its gcc and clang
	@scripts/require-tools python3
	@$(ENVIRONMENTS) compilers

KERNELS := build/kernels
FOR_KERNELS := build/tests/seccomp-deny $(KERNELS)/older-info \
  $(foreach name,fault soak,build/$(name)/$(name) build/$(name)/child)

FOR_MUSL = $(filter static,$(or $(MODES),static))

.PHONY: check-kernels
check-kernels: $(LINKED) $(FOR_KERNELS) ## Suite, faults, soak on Linux 5.4 to 7.x; RELEASES="5.4 native" MODES=linked
	@scripts/require-tools cc python3
	-@$(if $(FOR_MUSL),scripts/require-tools musl-gcc)
	+@$(if $(FOR_MUSL),if command -v $(MUSL_CC) >/dev/null; then $(MAKE) --no-print-directory -s build-kernels; fi)
	@$(ENVIRONMENTS) kernels $(VM_LIMIT) $(if $(MODES),--modes "$(MODES)") \
	  $(if $(TESTS),--programs "$(TESTS)") $(RELEASES)

$(KERNELS)/older-info: tests-c/environments/kernels/older-info.c tests-c/harness/seccomp.c tests-c/harness/seccomp.h
	@mkdir -p $(@D)
	$(CC) $(TEST_FLAGS) -o $@ $(filter %.c,$^)

.PHONY: check-newest-kernel
check-newest-kernel: $(LINKED) ## What older kernels cannot do, on Debian's newest kernel
	@scripts/require-tools cc python3
	@$(ENVIRONMENTS) newest-kernel $(VM_LIMIT)

.PHONY: check-arch
check-arch: $(HEADERS) ## The library and the C suite for other architectures; ARCH=name WHERE=user, system, build
	@scripts/require-tools python3
	@$(ENVIRONMENTS) arch $(VM_LIMIT) $(if $(WHERE),--where $(WHERE)) $(if $(GUARDS),--guards $(GUARDS)) \
	  $(if $(MODES),--modes "$(MODES)") $(if $(RELEASES),--releases "$(RELEASES)") $(ARCH)

.PHONY: check-restricted
check-restricted: $(LINKED) build/tests/seccomp-deny ## The C suite without some system calls, privileges, procfs
	@scripts/require-tools cc setpriv unshare python3
	-@scripts/require-tools valgrind qemu-$$(uname -m)
	@$(ENVIRONMENTS) restricted

# What the containers hold besides the suite.
IN_CONTAINERS := $(LINKED) $(PRELOADED) build/examples/supervisor build/soak/child build/soak/soak \
  build/tests/process-1 build/tests/seccomp-deny

build/tests/process-1: tests-c/environments/containers/process-1.c tests-c/harness/tap.c $(HARNESS) $(SO) $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(TEST_FLAGS) -Ibuild/include -o $@ $(filter %.c,$^) -L$(LIB) -lpidfd_spawn -Wl,-rpath,'$$ORIGIN/../lib'

.PHONY: check-containers
check-containers: $(IN_CONTAINERS) ## The C suite and a soak in Docker, podman and others; CONTAINER="name ..."
	@scripts/require-tools cc setpriv unshare python3
	@$(ENVIRONMENTS) containers $(CONTAINER)

.PHONY: check-clients
check-clients: $(SO) $(ARCHIVE) $(HEADERS) ## Rust std, systemd, Python, cargo by the library; libgc, C++; CLIENT=name
	@scripts/require-tools cc cargo python3
	@$(ENVIRONMENTS) clients $(CLIENT)

.PHONY: check-newcomer
check-newcomer: ## The README's two commands in bare Debian 12 and 13, as root and as a user; IN="name ..."
	@scripts/require-tools python3
	@$(ENVIRONMENTS) newcomer $(IN)

.PHONY: support
support: ## Renew the rows of docs/support.md that the checks of this group and check-packages left
	@scripts/require-tools python3
	@mkdir -p build
	scripts/support build/results docs/support.md >build/support.md.new
	mv build/support.md.new docs/support.md

# The programs for the virtual machines of check-kernels, by musl's compiler.
KERNEL_PROGRAMS := $(TEST_SOURCES:tests-c/suite/%.c=$(KERNELS)/musl/%)
MUSL_CC ?= musl-gcc
# musl comes without the kernel's headers.  They are offered last, and in a folder of their own: beside them are
# glibc's.
MUSL_FLAGS := -static -DMODE_STATIC -Ibuild/include -idirafter $(KERNELS)/include
KERNEL_HARNESS := $(HARNESS_PARTS:%=$(KERNELS)/musl/harness/%.o)

.SECONDARY: $(KERNEL_HARNESS)
.PHONY: build-kernels
build-kernels: $(KERNEL_PROGRAMS)

$(KERNELS)/include:
	@mkdir -p $@
	ln -sfn /usr/include/linux /usr/include/asm-generic $@/
	ln -sfn /usr/include/$$($(CC) -print-multiarch)/asm $@/asm

$(KERNELS)/musl/harness/%.o: tests-c/harness/%.c $(HARNESS) $(HEADERS) | $(KERNELS)/include
	@mkdir -p $(@D)
	$(MUSL_CC) $(TEST_FLAGS) $(MUSL_FLAGS) -c -o $@ $<

$(KERNELS)/musl/%: tests-c/suite/%.c $(KERNEL_HARNESS) $(ARCHIVE)
	$(MUSL_CC) $(TEST_FLAGS) $(MUSL_FLAGS) -o $@ $< $(KERNEL_HARNESS) $(ARCHIVE) -pthread
