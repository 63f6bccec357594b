# The release tarball and packages of it; docs/packaging.md is for those who make others, and says what comes before
# and after a release.

##@ Packages and releases
.PHONY: dist
dist: ## The release tarball of the last commit, with the crates it needs, into build/dist/
	@scripts/require-tools cargo git xz
	@CARGO="$(CARGO)" packaging/dist $(VERSION) build/dist

.PHONY: deb
deb: dist ## Debian packages into build/packages/, built, looked through and tried in root folders of bookworm
	@$(ENVIRONMENTS) packages deb

.PHONY: rpm
rpm: dist ## RPM packages likewise
	@$(ENVIRONMENTS) packages rpm

.PHONY: check-packages
check-packages: dist ## The tarball again, and its build without a network; and what deb and rpm do
	@$(ENVIRONMENTS) packages dist deb rpm

# The recipes for distributions whose package tools are not all here.
.PHONY: check-ports
check-ports: dist ## Alpine's and Arch's recipes: their steps on the release tarball, as far as that goes here
	@scripts/require-tools shellcheck
	@scripts/tap packaging/ports $(VERSION)

.PHONY: release
release: ## What is published of a release, into build/release/, signed with KEY= (a file of OpenSSH's, or gpg's name)
	@scripts/require-tools cargo git xz
	@CARGO="$(CARGO)" KEY='$(KEY)' packaging/release $(VERSION) build/release/$(VERSION)

.PHONY: check-release
check-release: ## make release in a clone, by keys that are made for it; the signatures hold, and break
	@scripts/require-tools cargo git xz
	@CARGO="$(CARGO)" scripts/tap packaging/try-release $(VERSION)
