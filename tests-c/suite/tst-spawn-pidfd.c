/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The close, open and dup2 actions, seen from inside the spawned program: which descriptors it has, what they refer to
 * and where their offsets stand.  The caller keeps four files open:
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

/* Writes the process ID into the descriptor that it is given. */
CHILD (sign)
{
  return dprintf (atoi (argv[0]), "%d", (int) getpid ()) > 0 ? TRUE_CLAIMS : FALSE_CLAIM;
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

/* Spawns the program with these actions and claims, and checks that it found them all true. */
static void
check_claims_at (int line, posix_spawn_file_actions_t *actions, char **argv)
{
  int pidfd = -1;
  char *before = descriptor_table ();
  CHECK_EQ (SPAWN (&pidfd, self_path, actions, NULL, argv, environ), 0);
  check_exit_at (__FILE__, line, pidfd, TRUE_CLAIMS);
  CHECK_STR (descriptor_table (), before);
  posix_spawn_file_actions_destroy (actions);
}

#define CHECK_CLAIMS(actions, ...) check_claims_at (__LINE__, actions, child_argv ("claims", __VA_ARGS__, NULL))

TEST (a_close_action_closes)
{
  int shut = open_sample ("shut", O_RDWR), beside = open_sample ("beside", O_RDWR);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addclose (&actions, shut), 0);
  CHECK_CLAIMS (&actions, CLAIM ("%d is closed", shut), CLAIM ("%d reads the text of beside", beside));
  close (shut);
  close (beside);
}

TEST (descriptors_without_an_action_are_inherited_with_their_offsets)
{
  int plain = open_sample ("plain", O_RDWR), leaving = open_sample ("leaving", O_RDWR | O_CLOEXEC);
  CHECK_EQ (lseek (plain, 4, SEEK_SET), 4);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  int pidfd = -1;
  char **argv = child_argv ("claims", CLAIM ("%d is at 4", plain), CLAIM ("%d reads text of plain", plain),
                            CLAIM ("%d is closed", leaving), NULL);
  CHECK_EQ (SPAWN (&pidfd, self_path, &actions, NULL, argv, environ), 0);
  CHECK_EXIT (pidfd, TRUE_CLAIMS);
  posix_spawn_file_actions_destroy (&actions);
  /* The offset is shared: what the program read, it read for the caller too. */
  CHECK_EQ (lseek (plain, 0, SEEK_CUR), 17);
  close (plain);
  close (leaving);
}

TEST (an_open_action_opens_at_the_start_and_under_the_number)
{
  close (open_sample ("fresh", O_RDWR));
  int number = free_number () + 20;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, number, test_path ("fresh"), O_RDONLY, 0), 0);
  CHECK_CLAIMS (&actions, CLAIM ("%d is at 0", number), CLAIM ("%d reads the text of fresh", number),
                /* What was opened has moved, not been copied. */
                CLAIM ("%d is closed", free_number ()));
}

TEST (an_open_action_for_reading_gives_no_writing)
{
  close (open_sample ("fresh", O_RDWR));
  int number = free_number () + 20;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, number, test_path ("fresh"), O_RDONLY, 0), 0);
  CHECK_CLAIMS (&actions, CLAIM ("%d is open", number), CLAIM ("%d cannot be written", number));
  CHECK_STR (read_file (test_path ("fresh")), "the text of fresh");
}

TEST (an_open_action_keeps_the_path_that_it_was_given)
{
  close (open_sample ("fresh", O_RDWR));
  close (open_sample ("other", O_RDWR));
  int number = free_number ();
  /* Overwritten by a path that works as well: only the content tells. */
  char path[PATH_MAX];
  strcpy (path, test_path ("fresh"));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, number, path, O_RDONLY, 0), 0);
  strcpy (path, test_path ("other"));
  CHECK_CLAIMS (&actions, CLAIM ("%d reads the text of fresh", number));
}

TEST (an_open_action_replaces_an_open_descriptor)
{
  close (open_sample ("fresh", O_RDWR));
  int taken = open_sample ("taken", O_RDWR);
  CHECK_EQ (lseek (taken, 3, SEEK_SET), 3);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, taken, test_path ("fresh"), O_RDONLY, 0), 0);
  CHECK_CLAIMS (&actions, CLAIM ("%d reads the text of fresh", taken));
  CHECK_EQ (lseek (taken, 0, SEEK_CUR), 3);
  close (taken);
}

TEST (an_open_action_creates_with_its_mode_under_the_umask)
{
  int number = free_number ();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, number, test_path ("made"), O_WRONLY | O_CREAT | O_EXCL, 0666),
            0);
  mode_t before = umask (027);
  CHECK_CLAIMS (&actions, CLAIM ("%d is open", number));
  umask (before);
  struct stat status;
  CHECK (stat (test_path ("made"), &status) == 0);
  CHECK_EQ (status.st_mode & 07777, 0640);
}

TEST (a_dup2_action_shares_the_offset)
{
  int copied = open_sample ("copied", O_RDWR), number = free_number () + 20;
  CHECK_EQ (lseek (copied, 4, SEEK_SET), 4);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_adddup2 (&actions, copied, number), 0);
  int pidfd = -1;
  char **argv = child_argv ("claims", CLAIM ("%d is at 4", number), CLAIM ("%d reads text of copied", number),
                            CLAIM ("%d is at 18", copied), NULL);
  CHECK_EQ (SPAWN (&pidfd, self_path, &actions, NULL, argv, environ), 0);
  CHECK_EXIT (pidfd, TRUE_CLAIMS);
  CHECK_EQ (lseek (copied, 0, SEEK_CUR), 18);
  CHECK (!is_open (number));
  posix_spawn_file_actions_destroy (&actions);
  close (copied);
}

TEST (a_dup2_action_saves_a_close_on_exec_descriptor_under_the_new_number_alone)
{
  int copied = open_sample ("copied", O_RDWR | O_CLOEXEC), number = free_number () + 20;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_adddup2 (&actions, copied, number), 0);
  CHECK_CLAIMS (&actions, CLAIM ("%d is closed", copied), CLAIM ("%d is at 0", number));
  close (copied);
}

TEST (a_dup2_action_onto_itself_keeps_a_close_on_exec_descriptor)
{
  int kept = open_sample ("kept", O_RDWR | O_CLOEXEC);
  CHECK_EQ (lseek (kept, 2, SEEK_SET), 2);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_adddup2 (&actions, kept, kept), 0);
  CHECK_CLAIMS (&actions, CLAIM ("%d is at 2", kept));
  /* The child had a flag of its own to clear. */
  CHECK_EQ (fcntl (kept, F_GETFD), FD_CLOEXEC);
  close (kept);
}

TEST (actions_happen_in_the_order_of_adding)
{
  close (open_sample ("fresh", O_RDWR));
  int number = free_number () + 20;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, number, test_path ("fresh"), O_RDONLY, 0), 0);
  CHECK_EQ (posix_spawn_file_actions_adddup2 (&actions, number, number + 1), 0);
  CHECK_EQ (posix_spawn_file_actions_addclose (&actions, number), 0);
  CHECK_EQ (posix_spawn_file_actions_adddup2 (&actions, number + 1, number + 2), 0);
  CHECK_EQ (posix_spawn_file_actions_addclose (&actions, number + 1), 0);
  CHECK_CLAIMS (&actions, CLAIM ("%d is closed", number), CLAIM ("%d is closed", number + 1),
                CLAIM ("%d reads the text of fresh", number + 2));
}

TEST (many_actions_all_happen)
{
  /* More than any list has room for at first. */
  close (open_sample ("fresh", O_RDWR));
  int number = free_number () + 20;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, number, test_path ("fresh"), O_RDONLY, 0), 0);
  for (int i = 0; i < 100; i++)
    {
      CHECK_EQ (posix_spawn_file_actions_adddup2 (&actions, number + i, number + i + 1), 0);
      CHECK_EQ (posix_spawn_file_actions_addclose (&actions, number + i), 0);
    }
  CHECK_CLAIMS (&actions, CLAIM ("%d is closed", number), CLAIM ("%d is closed", number + 99),
                CLAIM ("%d reads the text of fresh", number + 100));
}

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
                           CLAIM ("%d reads text of copied", four->copy), CLAIM ("%d is at 9", four->kept),
                           CLAIM ("%d reads of kept", four->kept), NULL);
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

TEST (four_files_with_spawn)
{
  struct four four;
  prepare (&four);
  int pidfd = -1;
  CHECK_EQ (SPAWN (&pidfd, self_path, &four.actions, NULL, four.argv, environ), 0);
  CHECK_EXIT (pidfd, TRUE_CLAIMS);
  release (&four);
}

TEST (four_files_with_spawnp)
{
  struct four four;
  prepare (&four);
  int pidfd = -1;
  CHECK_EQ (SPAWNP (&pidfd, self_path, &four.actions, NULL, four.argv, environ), 0);
  CHECK_EXIT (pidfd, TRUE_CLAIMS);
  release (&four);
}

/* Nobody has a pidfd for the child; it must be a child like any other. */
static void
check_any_child_at (int line, int status)
{
  siginfo_t info;
  memset (&info, 0, sizeof info);
  CHECK_EQ (waitid (P_ALL, 0, &info, WEXITED), 0);
  if (info.si_code != CLD_EXITED || info.si_status != status)
    test_fail (__FILE__, line, "child: si_code %d, si_status %d; wanted exit status %d", info.si_code, info.si_status,
               status);
}

TEST (four_files_without_a_pidfd_with_spawn)
{
  struct four four;
  prepare (&four);
  int before = open_descriptors ();
  CHECK_EQ (SPAWN (NULL, self_path, &four.actions, NULL, four.argv, environ), 0);
  CHECK_EQ (open_descriptors (), before);
  check_any_child_at (__LINE__, TRUE_CLAIMS);
  release (&four);
}

TEST (four_files_without_a_pidfd_with_spawnp)
{
  struct four four;
  prepare (&four);
  int before = open_descriptors ();
  CHECK_EQ (both_calls[1] (NULL, self_path, &four.actions, NULL, four.argv, environ), 0);
  CHECK_EQ (open_descriptors (), before);
  check_any_child_at (__LINE__, TRUE_CLAIMS);
  release (&four);
}

TEST (the_pidfd_refers_to_the_program_that_was_started)
{
  int paper = open_sample ("paper", O_RDWR | O_TRUNC);
  int pidfd = -1;
  CHECK_EQ (SPAWN (&pidfd, self_path, NULL, NULL, child_argv ("sign", CLAIM ("%d", paper), NULL), environ), 0);
  siginfo_t info = reap (pidfd);
  CHECK_EQ (info.si_status, TRUE_CLAIMS);
  CHECK_EQ (atoi (read_file (test_path ("paper"))), info.si_pid);
  close (paper);
}
