/* mips of 64 bits (n64) and 32 bits (o32), of either byte order: syscall takes the number in v0 ($2) and arguments in
 * a0 to a5 ($4 to $9), with 32 bits the last two on the stack instead; it changes v0, a3 ($7), at, the temporary
 * registers, hi and lo.  An error comes as a positive number with a3 other than 0.  A separate file because Rust has no
 * stable inline assembly for this architecture; see assembled.rs for what the functions are.
 *
 * With 32 bits a function finds its fifth argument 16 bytes above its stack pointer; what lies between, and the
 * arguments there, are its own to write into.  Nothing here needs the global pointer, which a called function makes for
 * itself from its own address in t9 ($25). */

#if _MIPS_SIM == _ABI64
# define WORD 8
# define LOAD ld
# define STORE sd
# define ADD daddiu
# define SUBTRACT dsubu
# define BEGINNING 8
#else
# define WORD 4
# define LOAD lw
# define STORE sw
# define ADD addiu
# define SUBTRACT subu
# define BEGINNING 20
#endif

/* Of a frame: what a called function may use, and three registers above that. */
#define FRAME (BEGINNING + 3 * WORD)

	.text
	.balign 16

	.globl libpidfd_spawn_syscall
	.hidden libpidfd_spawn_syscall
	.type libpidfd_spawn_syscall, @function
libpidfd_spawn_syscall:
	.cfi_startproc
	move $2, $4
	move $4, $5
	move $5, $6
	move $6, $7
#if _MIPS_SIM == _ABI64
	move $7, $8
	move $8, $9
	move $9, $10
#else
	lw $7, 16($29)
	lw $8, 20($29)
	lw $9, 24($29)
	sw $8, 16($29)
	sw $9, 20($29)
#endif
	syscall
	beqz $7, 1f
	SUBTRACT $2, $0, $2
1:	jr $31
	.cfi_endproc
	.size libpidfd_spawn_syscall, . - libpidfd_spawn_syscall

	.balign 16
	.globl libpidfd_spawn_clone_calling
	.hidden libpidfd_spawn_clone_calling
	.type libpidfd_spawn_clone_calling, @function
libpidfd_spawn_clone_calling:
	.cfi_startproc
	ADD $29, $29, -FRAME
	.cfi_def_cfa_offset FRAME
	STORE $31, BEGINNING + 2 * WORD($29)
	.cfi_offset 31, -WORD
	STORE $17, BEGINNING + WORD($29)
	.cfi_offset 17, -2 * WORD
	STORE $16, BEGINNING($29)
	.cfi_offset 16, -3 * WORD
#if _MIPS_SIM == _ABI64
	move $16, $8
	move $17, $9
#else
	lw $16, FRAME + 16($29)
	lw $17, FRAME + 20($29)
#endif
	move $2, $4
	move $4, $5
	move $5, $6
	move $6, $7
	syscall
	beqz $7, 1f
	SUBTRACT $2, $0, $2
1:	bnez $2, 2f
	/* The child. */
	move $4, $17
	move $25, $16
	jalr $25
	break
2:	LOAD $16, BEGINNING($29)
	.cfi_restore 16
	LOAD $17, BEGINNING + WORD($29)
	.cfi_restore 17
	LOAD $31, BEGINNING + 2 * WORD($29)
	.cfi_restore 31
	ADD $29, $29, FRAME
	.cfi_def_cfa_offset 0
	jr $31
	.cfi_endproc
	.size libpidfd_spawn_clone_calling, . - libpidfd_spawn_clone_calling
