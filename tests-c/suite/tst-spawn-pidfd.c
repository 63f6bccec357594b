/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The close, open and dup2 actions together, seen from inside the spawned program: which descriptors it has, what they
 * refer to and where their offsets stand.  The caller keeps four files open:
 *
 *   shut    is closed by an action
 *   fresh   is only a name; an open action reads it under a number chosen by the test
 *   copied  is duplicated to a free number
 *   kept    is close-on-exec and saved by a dup2 action onto itself */

#include "runner.h"

enum {
  TRUE_CLAIMS = 50, /* the spawned program's exit status when all that it was told is so */
  FALSE_CLAIM = 60, /* + the position of the first claim that is not */
};

/* Takes a claim such as "7 is closed" and finds out. */
static bool
is_so (const char *claim)
{
  char *verb;
  int fd = (int) strtol (claim, &verb, 10);
  if (strcmp (verb, " is closed") == 0)
    return fcntl (fd, F_GETFD) == -1 && errno == EBADF;
  if (strcmp (verb, " is open") == 0)
    return is_open (fd);
  if (strcmp (verb, " cannot be written") == 0)
    return write (fd, "x", 1) == -1 && errno == EBADF;
  if (strncmp (verb, " is at ", 7) == 0)
    return lseek (fd, 0, SEEK_CUR) == atoi (verb + 7);
  if (strncmp (verb, " reads ", 7) == 0)
    {
      char text[64];
      ssize_t length = read (fd, text, sizeof text - 1);
      if (length < 0)
        return false;
      text[length] = 0;
      return strcmp (text, verb + 7) == 0;
    }
  return false;
}

CHILD (claims)
{
  for (int i = 0; i < argc; i++)
    if (!is_so (argv[i]))
      {
        dprintf (STDERR_FILENO, "not so: %s\n", argv[i]);
        return FALSE_CLAIM + i;
      }
  return TRUE_CLAIMS;
}

static int
open_sample (const char *name, int flags)
{
  char *path = test_path (name);
  write_file (path, format ("the text of %s", name), 0600);
  int fd = open (path, flags);
  CHECK (fd >= 0);
  return fd;
}

static int
free_number (void)
{
  int fd = open ("/dev/null", O_RDONLY);
  CHECK (fd >= 0);
  close (fd);
  return fd;
}

#define CLAIM(...) format (__VA_ARGS__)

/* An older libc's posix_spawn leaves it close-on-exec. */
enum { IS_KEPT = HAVE_LIBRARY || !(GLIBC_BEFORE (2, 29)) };

/* The four files at once, with the actions for them and the claims about them. */
struct four {
  int shut, copied, kept, fresh, copy;
  posix_spawn_file_actions_t actions;
  char **argv;
};

static void
prepare (struct four *four)
{
  four->shut = open_sample ("shut", O_RDWR);
  four->copied = open_sample ("copied", O_RDWR);
  four->kept = open_sample ("kept", O_RDWR | O_CLOEXEC);
  close (open_sample ("fresh", O_RDWR));
  four->fresh = free_number () + 20;
  four->copy = four->fresh + 1;
  CHECK_EQ (lseek (four->copied, 4, SEEK_SET), 4);
  CHECK_EQ (lseek (four->kept, 9, SEEK_SET), 9);

  posix_spawn_file_actions_init (&four->actions);
  char *path = test_path ("fresh");
  CHECK_EQ (posix_spawn_file_actions_addclose (&four->actions, four->shut), 0);
  CHECK_EQ (posix_spawn_file_actions_addopen (&four->actions, four->fresh, path, O_RDONLY, 0), 0);
  memset (path, 'X', strlen (path));
  CHECK_EQ (posix_spawn_file_actions_adddup2 (&four->actions, four->copied, four->copy), 0);
  CHECK_EQ (posix_spawn_file_actions_adddup2 (&four->actions, four->kept, four->kept), 0);

  four->argv = child_argv ("claims", CLAIM ("%d is closed", four->shut), CLAIM ("%d is at 0", four->fresh),
                           CLAIM ("%d cannot be written", four->fresh),
                           CLAIM ("%d reads the text of fresh", four->fresh),
                           CLAIM ("%d is at 4", four->copied), CLAIM ("%d is at 4", four->copy),
                           CLAIM ("%d reads text of copied", four->copy),
                           CLAIM (IS_KEPT ? "%d is at 9" : "%d is closed", four->kept),
                           CLAIM (IS_KEPT ? "%d reads of kept" : "%d is closed", four->kept),
                           /* What was opened has moved, not been copied. */
                           CLAIM ("%d is closed", free_number ()), NULL);
}

static void
release (struct four *four)
{
  CHECK_EQ (fcntl (four->shut, F_GETFD), 0);
  CHECK_EQ (fcntl (four->copied, F_GETFD), 0);
  CHECK_EQ (fcntl (four->kept, F_GETFD), FD_CLOEXEC);
  posix_spawn_file_actions_destroy (&four->actions);
  close (four->shut);
  close (four->copied);
  close (four->kept);
}

/* Without a pidfd it must be a child like any other. */
static void
check_four_files (spawn_call *call, bool with_pidfd)
{
  struct four four;
  prepare (&four);
  int pidfd = -1, before = open_descriptors ();
  CHECK_EQ (call (with_pidfd ? &pidfd : NULL, self_path, &four.actions, NULL, four.argv, environ), 0);
  if (with_pidfd)
    CHECK_EXIT (pidfd, TRUE_CLAIMS);
  else
    {
      siginfo_t info;
      memset (&info, 0, sizeof info);
      CHECK_EQ (waitid (P_ALL, 0, &info, WEXITED), 0);
      CHECK_EQ (info.si_code, CLD_EXITED);
      CHECK_EQ (info.si_status, TRUE_CLAIMS);
    }
  CHECK_EQ (open_descriptors (), before);
  /* The offset is shared: what the program read, it read for the caller too. */
  CHECK_EQ (lseek (four.copied, 0, SEEK_CUR), 18);
  release (&four);
}

TEST (four_files_with_spawn)
{
  check_four_files (both_calls[0], true);
}

TEST (four_files_with_spawnp)
{
  check_four_files (both_calls[1], true);
}

TEST (four_files_without_a_pidfd_with_spawn)
{
  check_four_files (both_calls[0], false);
}

TEST (four_files_without_a_pidfd_with_spawnp)
{
  check_four_files (both_calls[1], false);
}
