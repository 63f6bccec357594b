# The release tarball and packages of it; docs/packaging.md is for who makes others.

##@ Packages
.PHONY: dist
dist: ## The release tarball of the last commit, with the crates it needs, into build/dist/
	@scripts/require-tools cargo git xz
	@CARGO="$(CARGO)" packaging/dist $(VERSION) build/dist

.PHONY: deb
deb: dist ## Debian packages into build/packages/, built, looked through and tried in root folders of bookworm
	@packaging/run $(VERSION) deb

.PHONY: rpm
rpm: dist ## RPM packages likewise
	@packaging/run $(VERSION) rpm

.PHONY: check-packages
check-packages: dist ## The tarball again, and its build without a network; and what deb and rpm do
	@CARGO="$(CARGO)" packaging/run $(VERSION) dist deb rpm
