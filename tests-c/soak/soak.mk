# The soak; see README.md.

SECONDS ?= 20

##@ Tests of the library
.PHONY: soak
soak: build/soak/soak build/soak/child ## Everything at once for SECONDS=600 seconds (20 unless told)
	build/soak/soak $(SECONDS)

SOAK_HARNESS := $(addprefix tests-c/harness/,procfs.c snapshot.c tap.c)

build/soak/soak: tests-c/soak/soak.c $(SOAK_HARNESS) tests-c/soak/soak.h $(HARNESS) $(SO) $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(TEST_FLAGS) -Ibuild/include -o $@ $(filter %.c,$^) -L$(LIB) -lpidfd_spawn -pthread \
	  -Wl,-rpath,'$$ORIGIN/../lib'

build/soak/child: tests-c/soak/child.c tests-c/soak/soak.h
	@mkdir -p $(@D)
	$(CC) $(TEST_FLAGS) -static -o $@ $<
