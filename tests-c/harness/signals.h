/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The kernel's own view of signals, those included that the libc keeps for itself. */

#ifndef SIGNALS_H
#define SIGNALS_H

#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* In bytes.  There are 64 signals, on mips 128, of which the masks of the tests hold the first 64. */
enum { SIGNAL_SET = _NSIG / 8 };

/* Like sigprocmask, which leaves some signals out. */
static inline int
sys_sigprocmask (int how, const uint64_t *mask, uint64_t *old)
{
  /* Machine words, the lowest signals first: on a big-endian machine that can be another order than in a mask. */
  enum { BITS = 8 * sizeof (long), WORDS = SIGNAL_SET / sizeof (long) };
  unsigned long new_set[WORDS] = { 0 }, old_set[WORDS] = { 0 };
  for (int i = 0; mask && i < 64 / BITS; i++)
    new_set[i] = (unsigned long) (*mask >> i * BITS);
  int result = (int) syscall (SYS_rt_sigprocmask, how, mask ? new_set : NULL, old_set, SIGNAL_SET);
  if (old)
    *old = 0;
  for (int i = 0; old && i < 64 / BITS; i++)
    *old |= (uint64_t) old_set[i] << i * BITS;
  return result;
}

/* Room for the kernel's struct sigaction, and where the handler is in it. */
struct kernel_action {
  unsigned long words[8];
};

#ifdef __mips__
enum { HANDLER = 1 };
#else
enum { HANDLER = 0 };
#endif

static inline int
sys_sigaction (int signal, const struct kernel_action *action, struct kernel_action *old)
{
#ifdef __sparc__
  return (int) syscall (SYS_rt_sigaction, signal, action, old, NULL /* the restorer */, SIGNAL_SET);
#else
  return (int) syscall (SYS_rt_sigaction, signal, action, old, SIGNAL_SET);
#endif
}

#endif
