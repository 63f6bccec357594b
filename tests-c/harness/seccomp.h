/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * System call filters.  This is the one place where they are written; it needs nothing of the harness, and no kernel
 * headers in the files that include it. */

#ifndef SECCOMP_H
#define SECCOMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What happens to a call; see seccomp(2). */
#define FILTER_KILL 0x80000000U
#define FILTER_TRAP 0x00030000U
#define FILTER_NOTIFY 0x7fc00000U
#define FILTER_ALLOW 0x7fff0000U
#define FILTER_ERROR(error) (0x00050000U | (uint32_t) (error))

/* A filter gives up new privileges, unless it is PRIVILEGED, for which the caller needs CAP_SYS_ADMIN. */
enum filter_flags { FILTER_PLAIN = 0, FILTER_LISTENER = 1 << 3, FILTER_PRIVILEGED = 1 << 30 };

/* The call with this number, if the low half of its argument (counted from 0) has VALUE in these BITS.  With no bits
   the argument does not matter.  CALLS_AFTER a number are all that have greater ones. */
#define CALLS_AFTER(number) (~(long) (number))
struct filter_rule {
  long call;
  unsigned int argument;
  uint32_t bits, value;
  uint32_t action;
};

#define ALL_BITS 0xffffffffU

/* Where clone has its flags. */
#ifdef __s390x__
enum { CLONE_ARGUMENT = 1 };
#else
enum { CLONE_ARGUMENT = 0 };
#endif

/* From now on the first rule that fits decides, in this thread and all that it starts; other calls are allowed.  Gives
   0, the listener's descriptor with FILTER_LISTENER, or -1 and errno. */
int install_filter (const struct filter_rule rules[], size_t count, enum filter_flags flags);

/* A call that waits for an answer because of FILTER_NOTIFY. */
struct notified_call {
  uint64_t id;
  pid_t pid;
  uint64_t arguments[6];
};

/* Waits for the next one; false if there is none after all. */
bool receive_call (int listener, struct notified_call *call);
/* The call goes on as if there were no filter. */
bool continue_call (int listener, const struct notified_call *call);
/* The call is not made; its result is 0 or this error. */
bool answer_call (int listener, const struct notified_call *call, int error);

#endif
