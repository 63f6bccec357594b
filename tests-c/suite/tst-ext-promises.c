/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What pidfd_spawn promises holds for pidfd_spawn_ext: what it gives and leaves, the arguments of the program, errors
 * of the clone, cancellation, and calls of several threads at once. */

#include "extension.h"
#include "users.h"

CHILD (exit_with)
{
  return atoi (argv[0]);
}

static char **exit_4;

static const int no_inherit[] = { STDERR_FILENO };
static const struct pidfd_spawn_rlimit no_core = { RLIMIT_CORE, 0, 0, 0 };

/* Requests of each kind: for nothing, for what the clone or the exec does, for steps of the child, and with a change of
   user where that is possible. */
enum { REQUESTS = 7, WITHOUT_USER = 5 };

static int
requests (void)
{
  return can_set_own_user () ? REQUESTS : WITHOUT_USER;
}

static const struct pidfd_spawn_args *
request (int which)
{
  static const uint64_t flags[REQUESTS] = {
    0,
    PIDFD_SPAWN_SEARCH,
    PIDFD_SPAWN_SEARCH_ENVP,
    PIDFD_SPAWN_CLOEXEC_FROM | PIDFD_SPAWN_SETRLIMITS | PIDFD_SPAWN_SETUMASK,
    PIDFD_SPAWN_NO_NEW_PRIVS | PIDFD_SPAWN_PDEATHSIG,
    PIDFD_SPAWN_SETUID,
    PIDFD_SPAWN_SETUID | PIDFD_SPAWN_SEARCH | PIDFD_SPAWN_SETUMASK,
  };
  static struct pidfd_spawn_args args;
  /* The signal is one that does nothing. */
  args = *ARGS (.flags = flags[which], .cloexec_from = 3, .inherit = no_inherit, .inherit_count = 1,
                .limits = &no_core, .limit_count = 1, .umask = 022, .uid = getuid (), .death_signal = SIGCHLD);
  return &args;
}

/* ---- What it gives and leaves ---- */

TEST (errno_is_kept_on_success)
{
  posix_spawn_file_actions_t actions;
  CHECK_EQ (posix_spawn_file_actions_init (&actions), 0);
  /* It fails in the child, and that is no error. */
  CHECK_EQ (posix_spawn_file_actions_addclose (&actions, 700), 0);
  setenv ("PATH", format ("%s:/bin", test_path ("none")), 1);
  for (int i = 0, count = requests (); i < count; i++)
    for (int way = 0; way < 3; way++)
      {
        int pidfd = UNTOUCHED;
        const struct pidfd_spawn_args *args = request (i);
        const char *file = args->flags & (PIDFD_SPAWN_SEARCH | PIDFD_SPAWN_SEARCH_ENVP) ? "true" : "/bin/true";
        errno = EXDEV;
        int result = spawn_ext (way == 2 ? NULL : &pidfd, file, way == 1 ? &actions : NULL, NULL, sleep_argv (), args);
        int after = errno;
        CHECK_EQ (result, 0);
        CHECK_EQ (after, EXDEV);
        if (way == 2)
          CHECK (waitpid (-1, NULL, 0) > 0);
        else
          CHECK_EXIT (pidfd, 0);
      }
  posix_spawn_file_actions_destroy (&actions);
}

TEST (nothing_of_the_caller_is_changed)
{
  static struct snapshot before, after;
  exit_4 = child_argv ("exit_with", "4", NULL);
  for (int i = 0, count = requests (); i < count; i++)
    for (int fails = 0; fails < 2; fails++)
      {
        int pidfd = UNTOUCHED;
        take_snapshot (&before, true);
        int error = spawn_ext (&pidfd, fails ? "/nonexistent" : self_path, NULL, NULL, exit_4, request (i));
        CHECK_EQ (error, fails ? ENOENT : 0);
        if (fails)
          CHECK_EQ (pidfd, UNTOUCHED);
        else
          CHECK_EXIT (pidfd, 4);
        take_snapshot (&after, true);
        const char *difference = compare_snapshots (&before, &after);
        if (difference)
          FAIL ("request %d: %s", i, difference);
      }
}

TEST (without_a_place_for_the_pidfd)
{
  for (int i = 0, count = requests (); i < count; i++)
    {
      int descriptors = open_descriptors (), status;
      CHECK_EQ (spawn_ext (NULL, self_path, NULL, NULL, child_argv ("exit_with", "9", NULL), request (i)), 0);
      CHECK_EQ (open_descriptors (), descriptors);
      CHECK (waitpid (-1, &status, 0) > 0);
      CHECK (WIFEXITED (status));
      CHECK_EQ (WEXITSTATUS (status), 9);
      CHECK_EXT_FAILS (((void) pidfd, spawn_ext (NULL, "/nonexistent", NULL, NULL, sleep_argv (), request (i))),
                       ENOENT);
    }
}

/* Close-on-exec, blocking, of the whole process, and of a child that sends SIGCHLD. */
TEST_LEAVING (kind_of_the_pidfd)
{
  /* A first child finds that out, and SIGCHLD tells of that one. */
  if (has_capability (HAVE_SETGID) && !has_other_groups ())
    SKIP ("there is no other group here");
  sigset_t chld = SIGNALS (SIGCHLD);
  CHECK (sigprocmask (SIG_BLOCK, &chld, NULL) == 0);
  for (int i = 0, count = requests (); i < count; i++)
    {
      int pidfd = UNTOUCHED;
      CHECK_EQ (spawn_ext (&pidfd, self_path, NULL, NULL, child_argv ("exit_with", "0", NULL), request (i)), 0);
      CHECK_EQ (fcntl (pidfd, F_GETFD), FD_CLOEXEC);
      CHECK_EQ (fcntl (pidfd, F_GETFL) & (O_NONBLOCK | O_EXCL), 0);
      siginfo_t info;
      CHECK_EQ (sigwaitinfo (&chld, &info), SIGCHLD);
      CHECK_EQ (info.si_pid, pid_of (pidfd));
      CHECK_EXIT (pidfd, 0);
    }
}

CHILD (is_told)
{
  return argc == 2 && strcmp (argv[0], "word") == 0 && strcmp (argv[1], "") == 0 && getenv ("MARK")
             && strcmp (getenv ("MARK"), "yes") == 0 && !environ[1]
           ? 4
           : 5;
}

TEST (arguments_and_environment)
{
  char *envp[] = { (char *) "MARK=yes", NULL };
  for (int i = 0, count = requests (); i < count; i++)
    {
      int pidfd = UNTOUCHED;
      CHECK_EQ (pidfd_spawn_ext (&pidfd, self_path, NULL, NULL, child_argv ("is_told", "word", "", NULL), envp,
                                 request (i), sizeof (struct pidfd_spawn_args)),
                0);
      CHECK_EXIT (pidfd, 4);
    }
}

/* ---- Errors of the clone ---- */

TEST_LEAVING (no_process_can_be_made)
{
  allow_no_more_processes ();
  for (int i = 0, count = requests (); i < count; i++)
    CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), request (i)), EAGAIN);
}

TEST_LEAVING (no_descriptor_is_free)
{
  sigset_t chld = SIGNALS (SIGCHLD), pending;
  CHECK (sigprocmask (SIG_BLOCK, &chld, NULL) == 0);
  char **argv = child_argv ("exit_with", "0", NULL);
  use_up_descriptors ();
  for (int i = 0, count = requests (); i < count; i++)
    {
      int pidfd = UNTOUCHED;
      CHECK_ERROR (spawn_ext (&pidfd, self_path, NULL, NULL, argv, request (i)), EMFILE);
      CHECK_EQ (pidfd, UNTOUCHED);
      CHECK_NO_CHILD ();
      /* A child that had been made and reaped would have left this behind. */
      CHECK (sigpending (&pending) == 0);
      CHECK (!sigismember (&pending, SIGCHLD));
    }
}

/* Where there are no pidfds, that is said first. */
static void
refuse_pidfds (void *unused)
{
  (void) unused;
  refuse_call (SYS_waitid, ENOSYS);
  int pidfd = UNTOUCHED;
  for (int i = 0, count = requests (); i < count; i++)
    {
      CHECK_ERROR (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), request (i)), ENOSYS);
      CHECK_EQ (pidfd, UNTOUCHED);
    }
}

TEST (without_pidfds)
{
  CHECK_EQ (in_fork (refuse_pidfds, NULL), 0);
}

/* ---- Cancellation ---- */

static volatile int returned;

static void
call_each (void)
{
  for (int i = 0, count = requests (); i < count; i++)
    {
      int pidfd = UNTOUCHED;
      CHECK_EQ (spawn_ext (&pidfd, self_path, NULL, NULL, exit_4, request (i)), 0);
      pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, NULL);
      CHECK_EXIT (pidfd, 4);
      pthread_setcancelstate (PTHREAD_CANCEL_ENABLE, NULL);
      CHECK_EQ (spawn_ext (&pidfd, "/nonexistent", NULL, NULL, exit_4, request (i)), ENOENT);
      CHECK_EQ (spawn_ext (&pidfd, "/bin/true", NULL, NULL, exit_4, ARGS (.flags = 1ULL << 63)), EINVAL);
    }
}

/* The request is there before the calls. */
static void *
call_with_a_request (void *unused)
{
  (void) unused;
  CHECK_EQ (pthread_setcanceltype (PTHREAD_CANCEL_DEFERRED, NULL), 0);
  CHECK_EQ (pthread_cancel (pthread_self ()), 0);
  call_each ();
  returned = 1;
  pthread_testcancel ();
  return NULL;
}

TEST (no_cancellation_point)
{
  exit_4 = child_argv ("exit_with", "4", NULL);
  pthread_t thread;
  void *result;
  CHECK_EQ (pthread_create (&thread, NULL, call_with_a_request, NULL), 0);
  CHECK_EQ (pthread_join (thread, &result), 0);
  CHECK (returned);
  CHECK (result == PTHREAD_CANCELED);
}

TEST (cancellation_states_are_kept)
{
  static const int states[] = { PTHREAD_CANCEL_DISABLE, PTHREAD_CANCEL_ENABLE };
  static const int types[] = { PTHREAD_CANCEL_ASYNCHRONOUS, PTHREAD_CANCEL_DEFERRED };
  exit_4 = child_argv ("exit_with", "4", NULL);
  for (int i = 0; i < 4; i++)
    for (int which = 0, count = requests (); which < count; which++)
      for (int fails = 0; fails < 2; fails++)
        {
          int pidfd = UNTOUCHED, state, type;
          pthread_setcancelstate (states[i % 2], NULL);
          pthread_setcanceltype (types[i / 2], NULL);
          int error = spawn_ext (&pidfd, fails ? "/nonexistent" : self_path, NULL, NULL, exit_4, request (which));
          pthread_setcancelstate (PTHREAD_CANCEL_ENABLE, &state);
          pthread_setcanceltype (PTHREAD_CANCEL_DEFERRED, &type);
          CHECK_EQ (state, states[i % 2]);
          CHECK_EQ (type, types[i / 2]);
          CHECK_EQ (error, fails ? ENOENT : 0);
          if (!fails)
            CHECK_EXIT (pidfd, 4);
        }
}

static int stored, call_result;
static posix_spawn_file_actions_t held;
static const struct pidfd_spawn_args *held_request;

static void *
call_that_is_held (void *type)
{
  pthread_setcanceltype (*(int *) type, NULL);
  call_result = spawn_ext (&stored, self_path, &held, NULL, exit_4, held_request);
  /* An asynchronous request may be acted upon anywhere here, but after the result is stored. */
  returned = 1;
  for (;;)
    pthread_testcancel ();
  return NULL;
}

/* The child waits in a file action when the request comes: it is neither lost nor is its descriptor. */
TEST (request_in_the_middle)
{
  need_list_of_children ();
  int types[] = { PTHREAD_CANCEL_DEFERRED, PTHREAD_CANCEL_ASYNCHRONOUS };
  exit_4 = child_argv ("exit_with", "4", NULL);
  char *fifo = wait_for_fifo (&held);
  for (int i = 0, count = 2 * requests (); i < count; i++)
    {
      pthread_t thread;
      stored = UNTOUCHED;
      returned = 0;
      held_request = request (i / 2);
      CHECK_EQ (pthread_create (&thread, NULL, call_that_is_held, &types[i % 2]), 0);
      sleeping_child ();
      CHECK_EQ (pthread_cancel (thread), 0);
      int release = open (fifo, O_RDWR | O_CLOEXEC);
      CHECK (release >= 0);
      CHECK_EQ (pthread_join (thread, NULL), 0);
      CHECK_EXIT (stored, 4);
      CHECK (types[i % 2] == PTHREAD_CANCEL_ASYNCHRONOUS || returned);
      CHECK (close (release) == 0);
    }
  posix_spawn_file_actions_destroy (&held);
}

/* ---- Threads ---- */

enum { THREADS = 4, ROUNDS = 30 };

/* Each thread has a request, a status and an error of its own. */
static void *
spawn_and_verify (void *number)
{
  int own = (int) (long) number;
  struct pidfd_spawn_args args
    = *ARGS (.flags = PIDFD_SPAWN_CLOEXEC_FROM | PIDFD_SPAWN_SETUMASK | PIDFD_SPAWN_SETRLIMITS, .cloexec_from = 3,
             .umask = (uint32_t) own, .limits = &no_core, .limit_count = 1, .uid = getuid ());
  if (own % 2 && can_set_own_user ())
    args.flags |= PIDFD_SPAWN_SETUID;
  for (int i = 0; i < ROUNDS; i++)
    {
      int pidfd = UNTOUCHED, none = UNTOUCHED;
      CHECK_EQ (spawn_ext (&pidfd, self_path, NULL, NULL, child_argv ("exit_with", format ("%d", 10 + own), NULL),
                           &args),
                0);
      CHECK_EQ (spawn_ext (&none, own % 2 ? "/nonexistent" : "/dev/null", NULL, NULL, sleep_argv (), &args),
                own % 2 ? ENOENT : EACCES);
      CHECK_EQ (none, UNTOUCHED);
      CHECK_EXIT (pidfd, 10 + own);
    }
  return NULL;
}

TEST (threads_spawn)
{
  pthread_t threads[THREADS];
  for (long i = 0; i < THREADS; i++)
    CHECK_EQ (pthread_create (&threads[i], NULL, spawn_and_verify, (void *) i), 0);
  for (int i = 0; i < THREADS; i++)
    CHECK_EQ (pthread_join (threads[i], NULL), 0);
}
