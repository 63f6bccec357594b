/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What the tracer and the traced agree on: system calls that do not exist.  The first says where the library's code is.
 * And what a tracer learns of a system call. */

#ifndef GUARD_H
#define GUARD_H

#include <stdint.h>
#include <sys/ptrace.h>

enum { MARK_BEGIN = 0x7e57, MARK_END };

#ifndef PTRACE_GET_SYSCALL_INFO
# define PTRACE_GET_SYSCALL_INFO 0x420e
#endif

/* What the kernel says of a system call, as far as it is read; the C libraries' headers differ about this one. */
struct call_information {
  uint8_t op, padding[3];
  uint32_t architecture;
  uint64_t instruction_pointer, stack_pointer;
  uint64_t number, arguments[6];
};
enum { ENTRY = 1 };

#endif
