/* As weak.s, for the shared library alone: in the libc these functions have the version GLIBC_PRIVATE, which packages
 * of programs must not ask for. */

	.pushsection .data.rel.ro.libpidfd_spawn,"aw",%progbits
	.balign 8
	.hidden libpidfd_spawn_weak_private
	.globl libpidfd_spawn_weak_private
libpidfd_spawn_weak_private:
	.weakref libpidfd_spawn_weak___libc_dlopen_mode, __libc_dlopen_mode
	.dc.a libpidfd_spawn_weak___libc_dlopen_mode
	.weakref libpidfd_spawn_weak___libc_dlsym, __libc_dlsym
	.dc.a libpidfd_spawn_weak___libc_dlsym
	.popsection
