# Installing; README.md of this folder has the rules.

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
# Empty to install the library as it was built, for a packaging tool that strips.
STRIP ?= strip

INSTALL_FILES = VERSION='$(VERSION)' SONAME='$(SONAME)' BUILD=build STRIP='$(STRIP)' DESTDIR='$(DESTDIR)' \
  PREFIX='$(PREFIX)' BINDIR='$(BINDIR)' LIBDIR='$(LIBDIR)' INCLUDEDIR='$(INCLUDEDIR)' MANDIR='$(MANDIR)' \
  packaging/install/files

##@ Installing
.PHONY: install
install: all tools ## Install under PREFIX (/usr/local); also DESTDIR, BINDIR, LIBDIR, INCLUDEDIR, MANDIR, STRIP
	@$(INSTALL_FILES) install

.PHONY: uninstall
uninstall: ## Remove what `make install` with the same variables has installed
	@$(INSTALL_FILES) uninstall

.PHONY: check-install
check-install: all tools ## What make says; install into build/, use it with pkg-config, CMake and Meson, and uninstall
	+@scripts/bats tests-c/install/build.bats tests-c/install/install.bats

.PHONY: check-overlay
check-overlay: all ## The overlay headers with four C libraries, in every language mode and include order
	@scripts/bats tests-c/install/overlay.bats
