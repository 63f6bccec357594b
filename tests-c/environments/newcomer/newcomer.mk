# The README's commands where newcomers type them; see README.md.

.PHONY: check-newcomer
check-newcomer: ## The README's two commands in bare Debian 12 and 13, as root and as a user; IN="name ..." for some
	@CARGO="$(CARGO)" tests-c/environments/newcomer/run $(VERSION) $(IN)
