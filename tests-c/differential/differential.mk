# The differential tester; tests-c/differential/README.md says what it is.

DIFFERENTIAL := build/differential
DIFFERENTIAL_SOURCES := $(filter-out %/reporter.c,$(wildcard tests-c/differential/*.c)) \
  $(addprefix tests-c/harness/,procfs.c seccomp.c tap.c)
CASES ?= 100000

##@ Tests of the library
.PHONY: differential
differential: build-differential ## Compare with other libcs: CASES=N SEED=S, or CASE=SEED:INDEX, or FILE=...
	tests-c/differential/run $(DIFFERENTIAL) $(SO) --cases $(CASES) \
	  $(if $(SEED),--seed $(SEED)) $(if $(CASE),--case $(CASE)) $(if $(FILE),--file $(FILE))

.PHONY: differential-extended
differential-extended: build-differential ## pidfd_spawn_ext against fork and exec, with clone3 and without; likewise
	@scripts/tap sh -c 'for path in "" --without-clone3; do \
	  tests-c/differential/run $(DIFFERENTIAL) $(SO) --cases $(CASES) --extended $$path \
	    $(if $(SEED),--seed $(SEED)) $(if $(CASE),--case $(CASE)) $(if $(FILE),--file $(FILE)) || exit; \
	done'

.PHONY: check-differential
check-differential: build-differential ## A short run of both, always with the same cases
	@scripts/tap sh -c 'for kind in "" --extended "--extended --without-clone3"; do \
	  tests-c/differential/run $(DIFFERENTIAL) $(SO) --cases 2000 --seed 1 $$kind || exit; \
	done'

.PHONY: build-differential
build-differential: $(DIFFERENTIAL)/differential $(DIFFERENTIAL)/reporter $(SO)

$(DIFFERENTIAL)/differential: $(DIFFERENTIAL_SOURCES) $(wildcard tests-c/differential/*.h) $(HARNESS) $(HEADERS)
	@scripts/require-tools cc
	@mkdir -p $(@D)
	$(CC) $(TEST_FLAGS) -Ibuild/include -o $@ $(DIFFERENTIAL_SOURCES) -pthread -ldl

$(DIFFERENTIAL)/reporter: tests-c/differential/reporter.c
	@mkdir -p $(@D)
	$(CC) $(TEST_FLAGS) -static -o $@ $<
