# pidfd-spawn-weaken: lets a ready-made program start on an older glibc.

WEAKEN := build/bin/pidfd-spawn-weaken

##@ Programs and documents
.PHONY: tools
tools: $(INFO) $(WEAKEN) ## The programs that are installed

$(WEAKEN): tools/weaken/pidfd-spawn-weaken.c
	@scripts/require-tools cc
	@mkdir -p $(@D)
	$(CC) $(EXAMPLE_FLAGS) $(CPPFLAGS) $(CFLAGS) -fPIE -pie $(LDFLAGS) -o $@ $<

.PHONY: check-weaken
check-weaken: $(WEAKEN) ## pidfd-spawn-weaken: programs of all kinds, damaged ones
	@scripts/require-tools cc readelf
	@scripts/tap tools/weaken/check build
