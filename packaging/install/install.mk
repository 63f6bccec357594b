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
install: all ## Install under PREFIX (/usr/local); also DESTDIR, BINDIR, LIBDIR, INCLUDEDIR, MANDIR, STRIP
	@# Not every tree has a rule for the programs.
	+@if $(MAKE) -s -n tools >/dev/null 2>&1; then $(MAKE) --no-print-directory tools; fi
	@$(INSTALL_FILES) install

.PHONY: uninstall
uninstall: ## Remove what `make install` with the same variables has installed
	@$(INSTALL_FILES) uninstall

##@ Checking
.PHONY: check-install
check-install: all ## Install into build/, use it with pkg-config, CMake and Meson, and uninstall
	+@tests-c/install/check-install

.PHONY: check-overlay
check-overlay: all ## The overlay headers with four C libraries, in every language mode and include order
	@tests-c/install/check-overlay
