/* powerpc of 64 and 32 bits: sc takes the number in r0 and arguments in r3 to r8; it changes r0 and r3 to r12.  An
 * error comes as a positive number with the summary overflow bit of cr0 set.  A separate file because Rust's inline
 * assembly came to this architecture late; see assembled.rs for what the functions are. */

#ifdef __powerpc64__
# define WORD 8
# define LOAD ld
# define STORE std
# define PUSH stdu
# define COMPARE cmpdi
#else
# define WORD 4
# define LOAD lwz
# define STORE stw
# define PUSH stwu
# define COMPARE cmpwi
#endif

/* Of a frame: what begins every one (a back chain, and what the called function saves there), and two registers above
 * that.  LINK is where a function saves the link register in the frame of its caller. */
#ifndef __powerpc64__
# define BEGINNING 8
# define LINK 4
#elif _CALL_ELF == 2
# define BEGINNING 32
# define LINK 16
#else
# define BEGINNING 112
# define LINK 16
#endif
#define FRAME (BEGINNING + 2 * WORD)

#if _CALL_ELF == 2
	.abiversion 2
#endif

	/* In the older of the two conventions for 64 bits a function's name is that of its descriptor: address, table of
	 * contents, environment. */
	.macro begin name
	.globl \name
	.hidden \name
	.type \name, @function
#if defined __powerpc64__ && _CALL_ELF != 2
	.pushsection .opd, "aw"
	.balign 8
\name:
	.quad .L.\name, .TOC.@tocbase, 0
	.popsection
.L.\name:
#else
\name:
#endif
	.cfi_startproc
	.endm

	.macro end name
	.cfi_endproc
#if defined __powerpc64__ && _CALL_ELF != 2
	.size \name, . - .L.\name
#else
	.size \name, . - \name
#endif
	.endm

	.text
	.balign 16
	begin libpidfd_spawn_syscall
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
	end libpidfd_spawn_syscall

	.balign 16
	begin libpidfd_spawn_clone_calling
	mflr 0
	STORE 0, LINK(1)
	.cfi_offset 65, LINK
	/* With the frame made, nothing is in the red zone that there is with 64 bits. */
	PUSH 1, -FRAME(1)
	.cfi_def_cfa_offset FRAME
	STORE 30, BEGINNING(1)
	.cfi_offset 30, -2 * WORD
	STORE 31, BEGINNING + WORD(1)
	.cfi_offset 31, -WORD
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
1:	COMPARE 3, 0
	bne 2f
	/* The child. */
	mr 3, 31
#if defined __powerpc64__ && _CALL_ELF != 2
	LOAD 12, 0(30)
	LOAD 2, 8(30)
	LOAD 11, 16(30)
#else
	/* The callee may find its table of contents by r12. */
	mr 12, 30
#endif
	mtctr 12
	bctrl
	trap
2:	LOAD 31, BEGINNING + WORD(1)
	.cfi_restore 31
	LOAD 30, BEGINNING(1)
	.cfi_restore 30
	addi 1, 1, FRAME
	.cfi_def_cfa_offset 0
	LOAD 0, LINK(1)
	mtlr 0
	.cfi_restore 65
	blr
	end libpidfd_spawn_clone_calling
