/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Ends with 0 if clone3 is allowed here.  A sandbox may refuse it whatever the kernel is. */

#include "numbers.h"

#include <signal.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

int
main (void)
{
  struct {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
  } arguments = { .exit_signal = SIGCHLD };
  long pid = syscall (SYS_clone3, &arguments, sizeof arguments);
  if (pid == 0)
    _exit (0);
  return pid < 0 || waitpid ((pid_t) pid, NULL, 0) != pid;
}
