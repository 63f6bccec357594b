# pidfd-spawn-info: what a bug report should contain.

INFO := build/bin/pidfd-spawn-info
# It is found beside the program's folder, as it is where both are installed, but for another LIBDIR.  Empty where the
# loader looks anyway.
INFO_RPATH ?= -Wl,-rpath,'$$ORIGIN/../lib'

##@ Programs and documents
.PHONY: info
info: $(INFO) $(SO) ## Print what the library finds on this machine, for bug reports
	@$(INFO)

# It knows the library at run time only.
$(INFO): tools/info/pidfd-spawn-info.c $(HEADERS)
	@scripts/require-tools cc
	@mkdir -p $(@D)
	$(CC) $(EXAMPLE_FLAGS) -Ibuild/include $(CPPFLAGS) $(CFLAGS) -fPIE -pie $(LDFLAGS) -o $@ $< -ldl $(INFO_RPATH)

# The same program as a linked one, for the check.
build/info/linked: tools/info/pidfd-spawn-info.c $(SO) $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(EXAMPLE_FLAGS) -Ibuild/include -fPIE -pie -o $@ $< -Wl,--no-as-needed -L$(LIB) -lpidfd_spawn -ldl \
	  -Wl,-rpath,'$$ORIGIN/../lib'

.PHONY: check-info
check-info: build/tests/seccomp-deny build/tests/has-clone3
check-info: $(INFO) build/info/linked $(SO) ## pidfd-spawn-info: all modes of use, sandboxes
	@scripts/bats tools/info/info.bats
