# A Rust program that holds the library, taken to older releases; see README.md.

##@ Other environments
.PHONY: check-rust-client
check-rust-client: $(SO) $(ARCHIVE) $(WEAKEN) ## A Rust program, built on Debian 13 in each mode, on Debian 12 and 11
	@CARGO="$(CARGO)" scripts/tap examples/rust/check $(LIB) build/results/rust.tsv
