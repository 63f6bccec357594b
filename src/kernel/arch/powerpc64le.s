/* powerpc64le (ELFv2): sc takes the number in r0 and arguments in r3 to r8; it changes r0 and r3 to r12.  An error
 * comes as a positive number with the summary overflow bit of cr0 set.  A separate file because Rust's inline
 * assembly came to this architecture late; see assembled.rs for what the functions are. */

	.abiversion 2
	.text
	.balign 16

	.globl libpidfd_spawn_syscall
	.hidden libpidfd_spawn_syscall
	.type libpidfd_spawn_syscall, @function
libpidfd_spawn_syscall:
	.cfi_startproc
	mr 0, 3
	mr 3, 4
	mr 4, 5
	mr 5, 6
	mr 6, 7
	mr 7, 8
	mr 8, 9
	sc
	bnslr+
	neg 3, 3
	blr
	.cfi_endproc
	.size libpidfd_spawn_syscall, . - libpidfd_spawn_syscall

	.balign 16
	.globl libpidfd_spawn_clone_calling
	.hidden libpidfd_spawn_clone_calling
	.type libpidfd_spawn_clone_calling, @function
libpidfd_spawn_clone_calling:
	.cfi_startproc
	mflr 0
	std 0, 16(1)
	std 30, -16(1)
	std 31, -8(1)
	/* The back chain, and room for the callee to save the link register in.  With the frame made, nothing is in the red
	 * zone. */
	stdu 1, -64(1)
	.cfi_def_cfa_offset 64
	.cfi_offset 65, 16
	.cfi_offset 30, -16
	.cfi_offset 31, -8
	mr 30, 7
	mr 31, 8
	mr 0, 3
	mr 3, 4
	mr 4, 5
	mr 5, 6
	sc
	bns+ 1f
	neg 3, 3
	b 2f
1:	cmpdi 3, 0
	bne 2f
	/* The child.  The callee finds its table of contents by r12. */
	mr 3, 31
	mr 12, 30
	mtctr 12
	bctrl
	trap
2:	addi 1, 1, 64
	.cfi_def_cfa_offset 0
	ld 0, 16(1)
	mtlr 0
	.cfi_restore 65
	ld 30, -16(1)
	ld 31, -8(1)
	.cfi_restore 30
	.cfi_restore 31
	blr
	.cfi_endproc
	.size libpidfd_spawn_clone_calling, . - libpidfd_spawn_clone_calling
