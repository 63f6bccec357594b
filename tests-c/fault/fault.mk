# Fault injection; see README.md.

##@ Tests of the library
.PHONY: check-faults
check-faults: build/fault/fault build/fault/child ## Fail every system call of the library, one at a time
	build/fault/fault

FAULT_HARNESS := $(addprefix tests-c/harness/,procfs.c seccomp.c snapshot.c tap.c)

FAULT_SOURCES := $(addprefix tests-c/fault/,fault.c extended.c wait.c inject.c)

build/fault/fault: $(FAULT_SOURCES) $(FAULT_HARNESS) $(wildcard tests-c/fault/*.h) \
  $(HARNESS) $(SO) $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(TEST_FLAGS) -Ibuild/include -o $@ $(filter %.c,$^) -L$(LIB) -lpidfd_spawn -pthread \
	  -Wl,-rpath,'$$ORIGIN/../lib'

build/fault/child: tests-c/fault/child.c tests-c/fault/child.h
	@mkdir -p $(@D)
	$(CC) $(TEST_FLAGS) -static -o $@ $<
