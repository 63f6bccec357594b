/* The addresses of functions that the libc may or may not have, in read-only relocated data: filled by the dynamic
 * loader, 0 where it finds none.  weak.rs says what they are.  Only directives, so that any assembler for any architecture
 * takes it. */

	.pushsection .data.rel.ro.libpidfd_spawn,"aw",%progbits
	.balign 8
	.hidden libpidfd_spawn_weak
	.globl libpidfd_spawn_weak
libpidfd_spawn_weak:
	.weak gnu_get_libc_version
	.dc.a gnu_get_libc_version
	.weak _Fork
	.dc.a _Fork
	.weak dlsym
	.dc.a dlsym
	.weak posix_spawn_file_actions_addchdir_np
	.dc.a posix_spawn_file_actions_addchdir_np
	.weak posix_spawn_file_actions_addfchdir_np
	.dc.a posix_spawn_file_actions_addfchdir_np
	.weak posix_spawn_file_actions_addclosefrom_np
	.dc.a posix_spawn_file_actions_addclosefrom_np
	.weak posix_spawnattr_setschedparam
	.dc.a posix_spawnattr_setschedparam
	.weak posix_spawnattr_setschedpolicy
	.dc.a posix_spawnattr_setschedpolicy
	.weak __libc_dlopen_mode
	.dc.a __libc_dlopen_mode
	.weak __libc_dlsym
	.dc.a __libc_dlsym
	.popsection
