/* The precompiled core library can refer to this although nothing unwinds.  Undefined, it would make every process that
 * preloads the library fail to start; weak and hidden, it is in nobody's way.  Nobody calls it.  Only directives, so
 * that any assembler for any architecture takes it. */

	.pushsection .text.rust_eh_personality,"ax",%progbits
	.balign 4
	.weak rust_eh_personality
	.hidden rust_eh_personality
	.type rust_eh_personality,%function
rust_eh_personality:
	.4byte 0
	.size rust_eh_personality, . - rust_eh_personality
	.popsection
