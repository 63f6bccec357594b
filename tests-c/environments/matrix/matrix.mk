# The library with other C libraries, and built by other compilers; see README.md.

.PHONY: check-matrix
check-matrix: $(SO) $(ARCHIVE) $(HEADERS) ## The C suite with the glibc of four Debian releases and with two versions of musl
	@CC="$(CC)" tests-c/environments/matrix/run matrix

.PHONY: check-compilers
check-compilers: $(HEADERS) ## The library built by Debian 12's own rustc and cargo, the C suite by its gcc and clang
	@CARGO="$(CARGO)" tests-c/environments/matrix/run compilers
