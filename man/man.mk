# The manual pages and their check.

MAN_PAGES := $(sort $(wildcard man/*.1 man/*.3 man/*.7))

##@ Programs and documents
.PHONY: check-man
check-man: $(SO) $(HEADERS) $(MAN_PAGES) ## The manual pages: form, errors, and the programs in them
	@scripts/require-tools cc
	@scripts/bats man/man.bats
