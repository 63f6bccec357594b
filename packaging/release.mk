# A release; docs/packaging.md says what comes before and after.

##@ Packages
.PHONY: release
release: ## What is published of a release, into build/release/, signed with KEY= (a file of OpenSSH's, or gpg's name)
	@scripts/require-tools cargo git xz
	@CARGO="$(CARGO)" KEY='$(KEY)' packaging/release $(VERSION) build/release/$(VERSION)

.PHONY: check-release
check-release: ## make release in a clone, by keys that are made for it; the signatures hold, and break
	@scripts/require-tools cargo git xz
	@CARGO="$(CARGO)" scripts/tap packaging/try-release $(VERSION)
