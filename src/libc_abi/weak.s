/* The addresses of functions that the libc may or may not have, in read-only relocated data: filled by the dynamic
 * loader, 0 where it finds none.  weak.rs says what they are.  Only directives, so that any assembler for any
 * architecture takes it.
 *
 * With fat LTO the whole program is one unit of assembly, and `.weak NAME` there makes every reference to the name
 * weak, the program's own and those of Rust's standard library as well: a static program then lacks functions that
 * it calls.  The other name that `.weakref` gives is ours alone, and only what goes by that name is weak. */

	.pushsection .data.rel.ro.libpidfd_spawn,"aw",%progbits
	.balign 8
	.hidden libpidfd_spawn_weak
	.globl libpidfd_spawn_weak
libpidfd_spawn_weak:
	.weakref libpidfd_spawn_weak_gnu_get_libc_version, gnu_get_libc_version
	.dc.a libpidfd_spawn_weak_gnu_get_libc_version
	.weakref libpidfd_spawn_weak__Fork, _Fork
	.dc.a libpidfd_spawn_weak__Fork
	.weakref libpidfd_spawn_weak_dlsym, dlsym
	.dc.a libpidfd_spawn_weak_dlsym
	.weakref libpidfd_spawn_weak_posix_spawn_file_actions_addchdir_np, posix_spawn_file_actions_addchdir_np
	.dc.a libpidfd_spawn_weak_posix_spawn_file_actions_addchdir_np
	.weakref libpidfd_spawn_weak_posix_spawn_file_actions_addfchdir_np, posix_spawn_file_actions_addfchdir_np
	.dc.a libpidfd_spawn_weak_posix_spawn_file_actions_addfchdir_np
	.weakref libpidfd_spawn_weak_posix_spawn_file_actions_addclosefrom_np, posix_spawn_file_actions_addclosefrom_np
	.dc.a libpidfd_spawn_weak_posix_spawn_file_actions_addclosefrom_np
	.weakref libpidfd_spawn_weak_posix_spawnattr_setschedparam, posix_spawnattr_setschedparam
	.dc.a libpidfd_spawn_weak_posix_spawnattr_setschedparam
	.weakref libpidfd_spawn_weak_posix_spawnattr_setschedpolicy, posix_spawnattr_setschedpolicy
	.dc.a libpidfd_spawn_weak_posix_spawnattr_setschedpolicy
	.weakref libpidfd_spawn_weak_dlvsym, dlvsym
	.dc.a libpidfd_spawn_weak_dlvsym
	.weakref libpidfd_spawn_weak_dladdr, dladdr
	.dc.a libpidfd_spawn_weak_dladdr
	.weakref libpidfd_spawn_weak_dlopen, dlopen
	.dc.a libpidfd_spawn_weak_dlopen
	.weakref libpidfd_spawn_weak_dlerror, dlerror
	.dc.a libpidfd_spawn_weak_dlerror
	.popsection
