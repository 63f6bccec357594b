# pidfd-spawn-info: what a bug report should contain.

INFO := build/bin/pidfd-spawn-info

.PHONY: info
info: $(INFO) $(SO) ## Print what the library finds on this machine, for bug reports
	@$(INFO)

# It knows the library at run time only.  It is found beside the program's folder, as it is where both are installed.
$(INFO): tools/info/pidfd-spawn-info.c
	@scripts/need cc
	@mkdir -p $(@D)
	$(CC) $(EXAMPLE_FLAGS) -fPIE -pie -o $@ $< -ldl -Wl,-rpath,'$$ORIGIN/../lib'

# The same program as a linked one, for the check.
build/info/linked: tools/info/pidfd-spawn-info.c $(SO)
	@mkdir -p $(@D)
	$(CC) $(EXAMPLE_FLAGS) -fPIE -pie -o $@ $< -Wl,--no-as-needed -L$(LIB) -lpidfd_spawn -ldl -Wl,-rpath,'$$ORIGIN/../lib'

.PHONY: check-info
check-info: $(INFO) build/info/linked build/tests/refuse $(SO) ## pidfd-spawn-info: all ways of use, sandboxes
	@scripts/need shellcheck
	@shellcheck tools/info/check
	@tools/info/check build
