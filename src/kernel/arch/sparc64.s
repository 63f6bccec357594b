/* sparc64: trap 0x6d takes the number in g1 and arguments in o0 to o5; it changes o0, and for clone o1.  An error comes
 * as a positive number with the carry flag set.  clone gives the caller's number in the child, and tells the two apart
 * by o1, which is 1 there and 0 in the caller; whether clone3 does the same, or gives 0 in the child, depends on the
 * kernel.  A separate file because Rust has no stable inline assembly for this architecture; see assembled.rs for what
 * the functions are.
 *
 * A frame begins with room for the 16 registers that are its function's own, above which are 48 bytes for what that
 * calls, and then the arguments for which there are no registers.  Pointers to frames are biased. */

	.set FRAME, 176
	.set BIAS, 2047
	.set CLONE, 217

	.text
	.balign 32

	.globl libpidfd_spawn_syscall
	.hidden libpidfd_spawn_syscall
	.type libpidfd_spawn_syscall, @function
libpidfd_spawn_syscall:
	.cfi_startproc
	save %sp, -FRAME, %sp
	.cfi_def_cfa_register 30
	.cfi_window_save
	.cfi_register 15, 31
	mov %i0, %g1
	mov %i1, %o0
	mov %i2, %o1
	mov %i3, %o2
	mov %i4, %o3
	mov %i5, %o4
	ldx [%fp + BIAS + FRAME], %o5
	ta 0x6d
	bcs,pn %xcc, 1f
	 cmp %i0, CLONE
	bne,pt %xcc, 2f
	 sub %o1, 1, %o1
	/* A fork, whose result in the child is to be 0. */
	ba,pt %xcc, 2f
	 and %o0, %o1, %o0
1:	neg %o0
2:	ret
	 restore %g0, %o0, %o0
	.cfi_endproc
	.size libpidfd_spawn_syscall, . - libpidfd_spawn_syscall

	.balign 32
	.globl libpidfd_spawn_clone_calling
	.hidden libpidfd_spawn_clone_calling
	.type libpidfd_spawn_clone_calling, @function
libpidfd_spawn_clone_calling:
	.cfi_startproc
	save %sp, -FRAME, %sp
	.cfi_def_cfa_register 30
	.cfi_window_save
	.cfi_register 15, 31
	/* The kernel writes the windows onto the stack without having its pages made.  What it cannot write, the child
	 * does later, into a stack that the caller may be using again; and a frame that it copies to another stack would
	 * lack the registers.  The instruction leaves out the window in use, whose place can lie across two pages. */
	flushw
	stx %g0, [%sp + BIAS]
	stx %g0, [%sp + BIAS + 120]
	mov %i0, %g1
	mov %i1, %o0
	mov %i2, %o1
	mov %i3, %o2
	ta 0x6d
	bcs,pn %xcc, 1f
	 cmp %o1, 1
	be,pn %xcc, 3f
	 nop
	brnz,pt %o0, 2f
	 nop
	/* The child.  What it writes back of this window is what the caller will read, so it changes only registers that
	 * are no part of that. */
3:	jmpl %i4, %o7
	 mov %i5, %o0
	illtrap 0
1:	neg %o0
2:	ret
	 restore %g0, %o0, %o0
	.cfi_endproc
	.size libpidfd_spawn_clone_calling, . - libpidfd_spawn_clone_calling
