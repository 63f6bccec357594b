# The recipes for distributions whose package tools are not all here; packaging/ports does what can be done of them.

.PHONY: check-ports
check-ports: dist ## Alpine's and Arch's recipes: their steps on the release tarball, as far as that goes here
	@scripts/require-tools shellcheck
	@scripts/tap packaging/ports $(VERSION)
