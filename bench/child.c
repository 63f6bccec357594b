/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The program that the benchmark starts: exit (0) and nothing else, not even a C library, so that what is measured is
 * the start and not the started. */

#if defined __x86_64__
__asm__ (".globl _start\n_start:\n\txor %edi, %edi\n\tmov $231, %eax\n\tsyscall\n");
#elif defined __aarch64__
__asm__ (".globl _start\n_start:\n\tmov x0, 0\n\tmov x8, 94\n\tsvc 0\n");
#else
#error "bench/child.c has no code for this architecture yet"
#endif
