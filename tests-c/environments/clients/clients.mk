# Programs that others wrote, unmodified, with the library; see README.md.

.PHONY: check-clients
check-clients: $(SO) ## Rust's standard library, systemd, Python, make and cargo start processes by the library; libgc and C++ beside pidfd_fork
	@scripts/require-tools cc cargo
	@tests-c/environments/clients/run $(CURDIR)/$(SO) $(CURDIR)/build/clients $(CURDIR)/build/results/clients.tsv $(CLIENT)
