##@ Programs and documents
# The document that is written from the mutants' lists, and the check that it is current.

.PHONY: rules
rules: ## Write docs/rules.md: each rule, its file and its test, from the mutants' lists
	@scripts/require-tools python3
	@mkdir -p build
	scripts/rules > build/rules.md
	mv build/rules.md docs/rules.md

.PHONY: check-rules
check-rules: ## docs/rules.md is current, and each test that it names exists
	@scripts/require-tools python3
	@mkdir -p build
	@scripts/rules > build/rules.md
	@cmp -s build/rules.md docs/rules.md || { echo "check-rules: docs/rules.md is not current: make rules"; exit 1; }
	@echo "check-rules: $$(grep -c '^| .*\.rs)' docs/rules.md) rules"
