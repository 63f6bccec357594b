/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Runs a program for which PIDFD_GET_INFO tells no more than on an older kernel.
 *
 *   older-info BITS PROGRAM [ARGUMENT...]
 *
 * A kernel passes over the bits of a request that it does not know and leaves them out of its answer.  So each
 * request is held until all but the known BITS of its mask are taken out of the caller's memory, and then goes on. */

#include "seccomp.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static void
give_up (const char *what)
{
  perror (what);
  exit (77);
}

/* Takes out what is not known; false if the caller's memory cannot be written.  What cannot be read the kernel cannot
   read either. */
static bool
take_out (const struct notified_call *call, uint64_t known)
{
  uint64_t mask;
  struct iovec here = { &mask, sizeof mask };
  struct iovec there = { (void *) (uintptr_t) call->arguments[2], sizeof mask }; /* NOLINT */
  if (process_vm_readv (call->pid, &here, 1, &there, 1, 0) != sizeof mask || (mask & ~known) == 0)
    return true;
  mask &= known;
  return process_vm_writev (call->pid, &here, 1, &there, 1, 0) == sizeof mask;
}

static void
run_program (int socket, char **argv)
{
  /* Whatever the size of the structure that the request names. */
  const struct filter_rule rule
    = { .call = SYS_ioctl, .argument = 1, .bits = 0xffff, .value = 0xff << 8 | 11, .action = FILTER_NOTIFY };
  int listener = install_filter (&rule, 1, FILTER_LISTENER);
  if (listener < 0)
    give_up ("older-info: no filter can be set");
  char byte;
  if (write (socket, &listener, sizeof listener) != sizeof listener || read (socket, &byte, 1) != 1)
    _exit (77);
  close (listener);
  close (socket);
  execvp (argv[0], argv);
  perror (argv[0]);
  _exit (127);
}

int
main (int argc, char **argv)
{
  enum { PIDFD_OPEN = 434, PIDFD_GETFD = 438 };
  int sockets[2], number, status;
  if (argc < 3)
    {
      fprintf (stderr, "usage: older-info BITS PROGRAM [ARGUMENT...]\n");
      return 2;
    }
  if (socketpair (AF_UNIX, SOCK_STREAM, 0, sockets) != 0)
    give_up ("older-info");
  pid_t pid = fork ();
  if (pid == 0)
    {
      close (sockets[0]);
      run_program (sockets[1], argv + 2);
    }
  close (sockets[1]);
  int pidfd = (int) syscall (PIDFD_OPEN, pid, 0);
  if (read (sockets[0], &number, sizeof number) != sizeof number)
    return 77;
  int listener = (int) syscall (PIDFD_GETFD, pidfd, number, 0);
  if (listener < 0 || write (sockets[0], "", 1) != 1)
    give_up ("older-info: the filter's descriptor");
  close (sockets[0]);

  struct pollfd wanted[] = { { .fd = listener, .events = POLLIN }, { .fd = pidfd, .events = POLLIN } };
  while (poll (wanted, 2, -1) > 0 && !wanted[1].revents)
    {
      struct notified_call call;
      if (!(wanted[0].revents & POLLIN) || !receive_call (listener, &call))
        continue;
      if (take_out (&call, strtoull (argv[1], NULL, 0)))
        continue_call (listener, &call);
      else
        answer_call (listener, &call, 25 /* ENOTTY */);
    }
  if (waitpid (pid, &status, 0) != pid)
    return 1;
  return WIFEXITED (status) ? WEXITSTATUS (status) : 128 + WTERMSIG (status);
}
