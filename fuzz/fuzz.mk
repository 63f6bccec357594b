# Fuzzing; see README.md.

FUZZ_TARGETS := fdinfo glibc_actions musl_actions attributes spawn_args
FUZZ := PATH="$(CURDIR)/target/tools/bin:$$PATH" RUSTC_BOOTSTRAP=1 $(CARGO) fuzz

##@ Tests of the library
.PHONY: fuzz
fuzz: target/tools/bin/cargo-fuzz ## Fuzz the parsers for SECONDS=1800 seconds in all (20 unless told)
	@scripts/require-tools cargo c++
	@# No time at all is no limit.
	@seconds=$$(($(SECONDS) / $(words $(FUZZ_TARGETS)))); [ $$seconds -gt 0 ] || seconds=1; \
	for target in $(FUZZ_TARGETS); do \
	  echo "fuzzing $$target"; \
	  corpus="$(CURDIR)/target/fuzz/corpus/$$target"; mkdir -p "$$corpus" || exit; \
	  $(FUZZ) run --target-dir target/fuzz "$$target" "$$corpus" -- \
	    -max_total_time=$$seconds -max_len=1024 -print_final_stats=1 \
	    >target/fuzz/"$$target".log 2>&1 || { tail -40 target/fuzz/"$$target".log; exit 1; }; \
	  grep -E 'number_of_executed_units|DONE' target/fuzz/"$$target".log; \
	done

target/tools/bin/cargo-fuzz:
	@scripts/require-tools cargo
	$(CARGO) install -q --locked --root target/tools cargo-fuzz
