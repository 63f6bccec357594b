/* s390x: svc takes the number in r1 and arguments in r2 to r7; it changes r2 alone.  A separate file because Rust's
 * inline assembly came to this architecture late; see assembled.rs for what the functions are.
 *
 * A function's caller leaves 160 bytes above its stack pointer, where the function saves registers (from 48 on) and
 * beyond which it finds its sixth argument and those after it. */

	.text
	.balign 16

	.globl libpidfd_spawn_syscall
	.hidden libpidfd_spawn_syscall
	.type libpidfd_spawn_syscall, @function
libpidfd_spawn_syscall:
	.cfi_startproc
	stmg %r6, %r7, 48(%r15)
	.cfi_offset 6, -112
	.cfi_offset 7, -104
	lgr %r1, %r2
	lgr %r2, %r3
	lgr %r3, %r4
	lgr %r4, %r5
	lgr %r5, %r6
	lg %r6, 160(%r15)
	lg %r7, 168(%r15)
	svc 0
	lmg %r6, %r7, 48(%r15)
	.cfi_restore 6
	.cfi_restore 7
	br %r14
	.cfi_endproc
	.size libpidfd_spawn_syscall, . - libpidfd_spawn_syscall

	.balign 16
	.globl libpidfd_spawn_clone_calling
	.hidden libpidfd_spawn_clone_calling
	.type libpidfd_spawn_clone_calling, @function
libpidfd_spawn_clone_calling:
	.cfi_startproc
	stmg %r6, %r15, 48(%r15)
	.cfi_offset 6, -112
	.cfi_offset 7, -104
	.cfi_offset 14, -48
	.cfi_offset 15, -40
	lgr %r0, %r15
	aghi %r15, -160
	.cfi_adjust_cfa_offset 160
	/* The back chain. */
	stg %r0, 0(%r15)
	lgr %r1, %r2
	lgr %r2, %r3
	lgr %r3, %r4
	lgr %r4, %r5
	lg %r7, 320(%r15)
	svc 0
	ltgr %r2, %r2
	jne 2f
	/* The child, whose callee saves its registers in the frame made above. */
	lgr %r2, %r7
	basr %r14, %r6
	.short 0
2:	lmg %r6, %r15, 208(%r15)
	.cfi_adjust_cfa_offset -160
	.cfi_restore 6
	.cfi_restore 7
	.cfi_restore 14
	.cfi_restore 15
	br %r14
	.cfi_endproc
	.size libpidfd_spawn_clone_calling, . - libpidfd_spawn_clone_calling
