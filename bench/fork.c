/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Copying a process that has a single thread, and one that has several. */

#define _GNU_SOURCE

#include "bench.h"

#include <errno.h>
#include <pidfd_spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int
by_library_with (unsigned flags, int *pidfd)
{
  *pidfd = pidfd_fork (flags);
  if (*pidfd == 0)
    _exit (0);
  return *pidfd < 0 ? errno : 0;
}

int
fork_by_library (int *pidfd)
{
  return by_library_with (0, pidfd);
}

static int
by_library_async_safe (int *pidfd)
{
  return by_library_with (PIDFDFORK_ASYNCSAFE, pidfd);
}

static int
by_function (pid_t (*function) (void), int *pidfd)
{
  pid_t pid = function ();
  if (pid == 0)
    _exit (0);
  return pid < 0 ? errno : open_process (pid, pidfd);
}

int
fork_by_libc (int *pidfd)
{
  return by_function (fork, pidfd);
}

static pid_t (*libc_fork_only) (void);

static void
find_libc_fork_only (void)
{
  *(void **) &libc_fork_only = libc_symbol ("_Fork");
}

static int
by_fork_only (int *pidfd)
{
  return libc_fork_only ? by_function (libc_fork_only, pidfd) : ENOSYS;
}

enum { LIBRARY, ASYNC_SAFE, FORK, FORK_ONLY };

const struct group fork_group = {
  .name = "fork",
  .title = "forking in a process with one thread, until the call returns in the parent",
  .set_up = find_libc_fork_only,
  .finish = expect_exit,
  .implementation_count = 4,
  .implementations = { [LIBRARY] = { "pidfd_fork (0)", fork_by_library },
                   [ASYNC_SAFE] = { "pidfd_fork (PIDFDFORK_ASYNCSAFE)", by_library_async_safe },
                   [FORK] = { "fork + pidfd_open", fork_by_libc },
                   [FORK_ONLY] = { "_Fork + pidfd_open", by_fork_only } },
  .comparison_count = 3,
  .comparisons = { { LIBRARY, FORK }, { ASYNC_SAFE, FORK }, { ASYNC_SAFE, FORK_ONLY } },
};

/* What a program with several threads does without the library if it wants to be sure: any of them could reap the child
   and its number could mean somebody else, so the child opens the pidfd on itself and hands it over. */

static void
send_descriptor (int socket, int fd)
{
  char byte = 0, control[CMSG_SPACE (sizeof fd)] = { 0 };
  struct iovec data = { &byte, 1 };
  struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = control,
                            .msg_controllen = sizeof control };
  struct cmsghdr *header = CMSG_FIRSTHDR (&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN (sizeof fd);
  memcpy (CMSG_DATA (header), &fd, sizeof fd);
  if (sendmsg (socket, &message, MSG_NOSIGNAL) != 1)
    _exit (1);
}

static int
receive_descriptor (int socket, int *fd)
{
  char byte, control[CMSG_SPACE (sizeof *fd)];
  struct iovec data = { &byte, 1 };
  struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = control,
                            .msg_controllen = sizeof control };
  ssize_t got = recvmsg (socket, &message, MSG_CMSG_CLOEXEC);
  struct cmsghdr *header = got == 1 ? CMSG_FIRSTHDR (&message) : NULL;
  if (!header)
    return got < 0 ? errno : ECHILD;
  memcpy (fd, CMSG_DATA (header), sizeof *fd);
  return 0;
}

int
fork_by_message (int *pidfd)
{
  int ends[2];
  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return errno;
  pid_t pid = fork ();
  if (pid == 0)
    {
      int own = pidfd_open (getpid (), 0);
      send_descriptor (ends[1], own);
      close (own);
      close (ends[0]);
      close (ends[1]);
      _exit (0);
    }
  int error = pid < 0 ? errno : 0;
  close (ends[1]);
  if (error == 0)
    error = receive_descriptor (ends[0], pidfd);
  close (ends[0]);
  return error;
}

static void
start_threads (void)
{
  start_idle_threads (7);
}

enum { PLAIN, ASYNC, MESSAGE, UNPROVEN };

const struct group fork_threads_group = {
  .name = "fork-threads",
  .title = "forking in a process with eight threads, until the call returns in the parent",
  .set_up = start_threads,
  .tear_down = end_idle_threads,
  .finish = expect_exit,
  .implementation_count = 4,
  .implementations = { [PLAIN] = { "pidfd_fork (0)", fork_by_library },
                   [ASYNC] = { "pidfd_fork (PIDFDFORK_ASYNCSAFE)", by_library_async_safe },
                   [MESSAGE] = { "socketpair + fork + SCM_RIGHTS", fork_by_message },
                   [UNPROVEN] = { "fork + pidfd_open (not safe)", fork_by_libc } },
  .comparison_count = 3,
  .comparisons = { { PLAIN, MESSAGE }, { ASYNC, MESSAGE }, { PLAIN, UNPROVEN } },
};
