# What calls cost, without a clock; see README.md.

GUARD := build/guard

##@ Tests of the library
check-guards update-guards: $(GUARD)/guard $(GUARD)/driver build/tests/has-clone3

.PHONY: check-guards
check-guards: ## System calls and instructions of each call, against what is written down
	tests-c/guard/run $(GUARD) compare

.PHONY: update-guards
update-guards: ## Write them down anew
	tests-c/guard/run $(GUARD) update

$(GUARD)/guard: tests-c/guard/guard.c tests-c/guard/guard.h
	@scripts/require-tools cc
	@mkdir -p $(@D)
	$(CC) $(TEST_FLAGS) -o $@ $<

DRIVER_SOURCES := tests-c/guard/driver.c tests-c/harness/seccomp.c
DRIVER_HEADERS := tests-c/guard/guard.h $(addprefix tests-c/harness/,numbers.h request.h seccomp.h)

$(GUARD)/driver: $(DRIVER_SOURCES) $(DRIVER_HEADERS) $(SO) $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(TEST_FLAGS) -Ibuild/include -o $@ $(DRIVER_SOURCES) -L$(LIB) -lpidfd_spawn -ldl -pthread \
	  -Wl,-rpath,'$$ORIGIN/../lib'

# For the plots: another C library.
$(GUARD)/driver-musl: $(DRIVER_SOURCES) $(DRIVER_HEADERS) $(ARCHIVE) $(HEADERS) | build/tests/musl/kernel
	@mkdir -p $(@D)
	musl-gcc $(TEST_FLAGS) -static -Ibuild/include -idirafter build/tests/musl/kernel -o $@ $(DRIVER_SOURCES) $(ARCHIVE)
