/* As in personality.s.  The unwinding tables of 32-bit arm name these only so that a linker takes them; the entries
 * say in numbers which one an unwinder should use, and it uses its own. */

	.pushsection .text.rust_eh_personality,"ax",%progbits
	.weak __aeabi_unwind_cpp_pr0
	.hidden __aeabi_unwind_cpp_pr0
	.weak __aeabi_unwind_cpp_pr1
	.hidden __aeabi_unwind_cpp_pr1
	.weak __aeabi_unwind_cpp_pr2
	.hidden __aeabi_unwind_cpp_pr2
__aeabi_unwind_cpp_pr0:
__aeabi_unwind_cpp_pr1:
__aeabi_unwind_cpp_pr2:
	.4byte 0
	.popsection
