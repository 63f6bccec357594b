# The library for other architectures; see README.md.

.PHONY: check-arch
check-arch: $(HEADERS) ## The library and the C suite for other architectures; ARCH=name for one
	@CARGO="$(CARGO)" tests-c/environments/arch/run $(or $(ARCH),all)
