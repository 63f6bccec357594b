# The differential tester; tests-c/differential/README.md says what it is.

DIFFERENTIAL := build/differential
DIFFERENTIAL_SOURCES := $(filter-out %/reporter.c,$(wildcard tests-c/differential/*.c)) \
  tests-c/harness/procfs.c tests-c/harness/tap.c
CASES ?= 100000

##@ Tests of the library
.PHONY: differential
differential: build-differential ## Compare with other libcs: CASES=N SEED=S, or CASE=SEED:INDEX, or FILE=...
	tests-c/differential/run $(DIFFERENTIAL) $(SO) --cases $(CASES) \
	  $(if $(SEED),--seed $(SEED)) $(if $(CASE),--case $(CASE)) $(if $(FILE),--file $(FILE))

.PHONY: check-differential
check-differential: build-differential ## A short run of the same, always with the same cases
	tests-c/differential/run $(DIFFERENTIAL) $(SO) --cases 2000 --seed 1

.PHONY: build-differential
build-differential: $(DIFFERENTIAL)/differential $(DIFFERENTIAL)/reporter $(SO)

$(DIFFERENTIAL)/differential: $(DIFFERENTIAL_SOURCES) tests-c/differential/differential.h $(HARNESS)
	@scripts/require-tools cc
	@mkdir -p $(@D)
	$(CC) $(TEST_FLAGS) -o $@ $(DIFFERENTIAL_SOURCES) -pthread -ldl

$(DIFFERENTIAL)/reporter: tests-c/differential/reporter.c
	@mkdir -p $(@D)
	$(CC) $(TEST_FLAGS) -static -o $@ $<
