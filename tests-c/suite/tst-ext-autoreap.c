/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * AUTOREAP and KILL_ON_CLOSE, which Linux 7.1 has: children that the kernel reaps and whose status pidfd_wait alone
 * tells, and which end with the last copy of their pidfd.  Where the kernel cannot do it, nothing is started. */

#include "extension.h"

#include <poll.h>

enum { NOBODY = 65534 };

#define CLONE_REAPED (1ULL << 34)
#define CLONE_WITHOUT_NEW_PRIVS (1ULL << 35)
#define CLONE_KILLED (1ULL << 36)

enum {
  AUTOREAP = PIDFD_SPAWN_AUTOREAP,
  KILL = PIDFD_SPAWN_KILL_ON_CLOSE,
  SAFE_KILL = PIDFD_SPAWN_KILL_ON_CLOSE | PIDFD_SPAWN_NO_NEW_PRIVS,
};
static const uint64_t requests[] = { AUTOREAP, SAFE_KILL, AUTOREAP | SAFE_KILL };
enum { REQUESTS = sizeof requests / sizeof *requests };

/* The flags behind NAME as the only flags of a call. */
#define FLAGS(name) ARGS (.flags = name)

CHILD (exit_with)
{
  return atoi (argv[0]);
}

/* The start of struct clone_args, which not every <linux/sched.h> has. */
struct clone_arguments {
  uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
};

/* What the kernel says of such a child, found without the library: 0 or an error. */
static int
error_of_kernel (uint64_t flags)
{
  int pidfd = -1;
  struct clone_arguments arguments = { .flags = 0x1000 /* CLONE_PIDFD */ | flags, .pidfd = (uintptr_t) &pidfd };
  long pid = syscall (SYS_clone3, &arguments, sizeof arguments);
  if (pid < 0)
    return errno;
  if (pid == 0)
    _exit (0);
  struct pollfd end = { .fd = pidfd, .events = POLLIN };
  CHECK_EQ (poll (&end, 1, -1), 1);
  CHECK (close (pidfd) == 0);
  CHECK_NO_CHILD ();
  return 0;
}

static void
need_kernel (void)
{
  int error = error_of_kernel (CLONE_REAPED | CLONE_WITHOUT_NEW_PRIVS | CLONE_KILLED);
  if (error)
    SKIP ("the kernel reaps no child itself (before Linux 7.1): %s", strerror (error));
}

static bool
has_sys_admin (void)
{
  return strtoull (status_of (getpid (), "CapEff"), NULL, 16) >> 21 & 1;
}

static void
become_nobody (void)
{
  need_root ();
  CHECK (setresgid (NOBODY, NOBODY, NOBODY) == 0 && setresuid (NOBODY, NOBODY, NOBODY) == 0);
}

/* ---- Where it cannot be done ---- */

static void
check_nothing_is_started (int error)
{
  char *trace = test_path ("trace"), *argv[] = { (char *) "touch", trace, NULL };
  for (int i = 0; i < REQUESTS; i++)
    {
      CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), FLAGS (requests[i])), error);
      CHECK_EXT_FAILS (spawn_ext (&pidfd, "/nonexistent", NULL, NULL, sleep_argv (), FLAGS (requests[i])), error);
      CHECK_EXT_FAILS (spawn_ext (&pidfd, "touch", NULL, NULL, argv, FLAGS (requests[i] | PIDFD_SPAWN_SEARCH)), error);
    }
  CHECK_EXT_FAILS (((void) pidfd, spawn_ext (NULL, "touch", NULL, NULL, argv, FLAGS (AUTOREAP | PIDFD_SPAWN_SEARCH))),
                   error);
  CHECK (access (trace, F_OK) == -1);
}

/* The same with a user, for whom the child is made in another way. */
static void
check_nothing_is_started_as_another_user (int error)
{
  for (int i = 0; i < REQUESTS; i++)
    CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (),
                                ARGS (.flags = requests[i] | PIDFD_SPAWN_SETUID, .uid = getuid ())),
                     error);
}

TEST (not_by_this_kernel)
{
  int error = error_of_kernel (CLONE_REAPED);
  if (error == 0)
    SKIP ("this kernel has it");
  if (error == EPERM)
    SKIP ("clone3 is forbidden");
  check_nothing_is_started (EOPNOTSUPP);
  check_nothing_is_started_as_another_user (EOPNOTSUPP);
  /* A plain request is no worse off. */
  int pidfd = UNTOUCHED;
  CHECK_EQ (spawn_ext (&pidfd, self_path, NULL, NULL, child_argv ("exit_with", "3", NULL), FLAGS (0)), 0);
  CHECK_EXIT (pidfd, 3);
}

/* Others go on to use it. */
TEST (kernel_that_cannot_reap_has_clone3)
{
  need_plain_clone3 ();
  if (error_of_kernel (CLONE_REAPED) == 0)
    SKIP ("this kernel has it");
  refuse_call (SYS_clone, EXDEV);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), FLAGS (AUTOREAP)), EOPNOTSUPP);
  int pidfd = UNTOUCHED;
  CHECK_EQ (spawn_ext (&pidfd, self_path, NULL, NULL, child_argv ("exit_with", "3", NULL), FLAGS (0)), 0);
  CHECK_EXIT (pidfd, 3);
}

static void
refuse_clone3 (void *error)
{
  refuse_call (SYS_clone3, *(const int *) error);
  check_nothing_is_started (EOPNOTSUPP);
  check_nothing_is_started_as_another_user (EOPNOTSUPP);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), FLAGS (KILL)), EOPNOTSUPP);
  /* Nor after a call that has met the refusal. */
  int pidfd = UNTOUCHED;
  CHECK_EQ (spawn_ext (&pidfd, self_path, NULL, NULL, child_argv ("exit_with", "3", NULL), FLAGS (0)), 0);
  CHECK_EXIT (pidfd, 3);
  check_nothing_is_started (EOPNOTSUPP);
}

TEST (not_without_clone3)
{
  static const int errors[] = { ENOSYS, EPERM, EINVAL, E2BIG };
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
    CHECK_EQ (in_fork (refuse_clone3, (void *) &errors[i]), 0);
}

/* An error that is no refusal is told as it is. */
TEST (errors_of_clone3)
{
  need_own_instructions ();
  refuse_call (SYS_clone3, EAGAIN);
  check_nothing_is_started (EAGAIN);
}

/* What the kernel says to who may not ask for KILL_ON_CLOSE alone.  A sandbox refuses clone3 of whatever size. */
TEST (no_permission_is_told_from_a_sandbox)
{
  need_plain_clone3 ();
  refuse_call_when (SYS_clone3, 1, 64, EPERM);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), FLAGS (KILL)), EPERM);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), FLAGS (KILL | AUTOREAP)), EPERM);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), FLAGS (AUTOREAP)), EOPNOTSUPP);
}

/* ---- What the kernel is asked for ---- */

static volatile int listener = -1;
static struct clone_arguments seen;

/* No kernel is needed that can do it: the call is answered before. */
static void *
note_arguments (void *unused)
{
  struct notified_call call;
  while (listener < 0)
    usleep (1000);
  for (;;)
    if (receive_call (listener, &call))
      {
        /* The library may ask first whether there is such a call. */
        if (call.arguments[1] < sizeof seen)
          {
            continue_call (listener, &call);
            continue;
          }
        seen = *(const struct clone_arguments *) (uintptr_t) call.arguments[0];
        answer_call (listener, &call, EAGAIN);
      }
  return unused;
}

static void
check_arguments_at (int line, const struct pidfd_spawn_args *args, uint64_t flags, uint64_t exit_signal)
{
  int pidfd = UNTOUCHED;
  seen.flags = 0;
  int error = spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), args);
  if (error != EAGAIN)
    test_fail (__FILE__, line, "the result is %d", error);
  if (seen.flags >> 33 != flags >> 33 || seen.exit_signal != exit_signal || !(seen.flags & 0x1000))
    test_fail (__FILE__, line, "the flags are %#llx with exit signal %llu", (unsigned long long) seen.flags,
               (unsigned long long) seen.exit_signal);
}
#define CHECK_ARGUMENTS(args, flags, exit_signal) check_arguments_at (__LINE__, args, flags, exit_signal)

TEST_LEAVING (what_the_kernel_is_asked_for)
{
  need_plain_clone3 ();
  pthread_t thread;
  CHECK_EQ (pthread_create (&thread, NULL, note_arguments, NULL), 0);
  listener = LISTEN ({ .call = SYS_clone3, .action = FILTER_NOTIFY });
  CHECK_ARGUMENTS (FLAGS (0), 0, SIGCHLD);
  CHECK_ARGUMENTS (FLAGS (PIDFD_SPAWN_NO_NEW_PRIVS), 0, SIGCHLD);
  CHECK_ARGUMENTS (FLAGS (AUTOREAP), CLONE_REAPED, 0);
  CHECK_ARGUMENTS (FLAGS (AUTOREAP | PIDFD_SPAWN_NO_NEW_PRIVS), CLONE_REAPED, 0);
  static const uint64_t besides[] = { 0, AUTOREAP, PIDFD_SPAWN_SETUID };
  for (size_t i = 0; i < sizeof besides / sizeof *besides; i++)
    {
      CHECK_ARGUMENTS (ARGS (.flags = KILL | besides[i], .uid = getuid ()), CLONE_REAPED | CLONE_KILLED, 0);
      CHECK_ARGUMENTS (ARGS (.flags = SAFE_KILL | besides[i], .uid = getuid ()),
                       CLONE_REAPED | CLONE_KILLED | CLONE_WITHOUT_NEW_PRIVS, 0);
    }
}

/* ---- Reaped by the kernel ---- */

/* The status, with the descriptor closed. */
static siginfo_t
end_of (int pidfd)
{
  siginfo_t info;
  memset (&info, 0, sizeof info);
  CHECK_EQ (pidfd_wait (pidfd, &info, 0, NULL), 0);
  CHECK_EQ (info.si_signo, SIGCHLD);
  CHECK (close (pidfd) == 0);
  return info;
}

static void
check_end_at (int line, int pidfd, int code, int status)
{
  siginfo_t info = end_of (pidfd);
  if (info.si_code != code || info.si_status != status)
    test_fail (__FILE__, line, "si_code %d, si_status %d; wanted %d and %d", info.si_code, info.si_status, code,
               status);
}
#define CHECK_END(pidfd, code, status) check_end_at (__LINE__, pidfd, code, status)

/* No zombie, no status for anybody's waitpid, and no SIGCHLD. */
TEST_LEAVING (no_zombie_and_no_signal)
{
  need_kernel ();
  sigset_t chld = SIGNALS (SIGCHLD), pending;
  CHECK (sigprocmask (SIG_BLOCK, &chld, NULL) == 0);
  for (int i = 0; i < REQUESTS; i++)
    {
      int pidfd = UNTOUCHED;
      CHECK_EQ (spawn_ext (&pidfd, self_path, NULL, NULL, child_argv ("exit_with", "42", NULL), FLAGS (requests[i])),
                0);
      struct pollfd end = { .fd = pidfd, .events = POLLIN };
      CHECK_EQ (poll (&end, 1, -1), 1);
      siginfo_t info;
      CHECK_ERRNO (waitid (PIDFD, (id_t) pidfd, &info, WEXITED | __WALL), ECHILD);
      CHECK_NO_CHILD ();
      CHECK_END (pidfd, CLD_EXITED, 42);
      CHECK (sigpending (&pending) == 0);
      CHECK (!sigismember (&pending, SIGCHLD));
    }
}

/* A wait for any child ends without one. */
TEST (wait_for_any_child)
{
  need_kernel ();
  int pidfd = UNTOUCHED;
  CHECK_EQ (spawn_ext (&pidfd, self_path, NULL, NULL, child_argv ("exit_with", "5", NULL), FLAGS (AUTOREAP)), 0);
  CHECK_ERRNO (waitpid (-1, NULL, __WALL), ECHILD);
  CHECK_END (pidfd, CLD_EXITED, 5);
}

TEST (status_by_pidfd_wait)
{
  need_kernel ();
  for (int i = 0; i < REQUESTS; i++)
    {
      int pidfd = UNTOUCHED;
      CHECK_EQ (spawn_ext (&pidfd, self_path, NULL, NULL, child_argv ("exit_with", "7", NULL), FLAGS (requests[i])),
                0);
      /* Maybe before its end. */
      CHECK_END (pidfd, CLD_EXITED, 7);
      CHECK_EQ (spawn_ext (&pidfd, "/bin/sleep", NULL, NULL, sleep_argv (), FLAGS (requests[i])), 0);
      siginfo_t info;
      CHECK_EQ (pidfd_wait (pidfd, &info, WNOHANG, NULL), 0);
      CHECK_EQ (info.si_signo, 0);
      CHECK_EQ (info.si_pid, 0);
      CHECK (sys_pidfd_send_signal (pidfd, SIGTERM, NULL, 0) == 0);
      CHECK_END (pidfd, CLD_KILLED, SIGTERM);
    }
}

TEST (nobody_asks_for_the_pidfd)
{
  need_kernel ();
  int descriptors = open_descriptors ();
  CHECK_EQ (spawn_ext (NULL, "/bin/true", NULL, NULL, sleep_argv (), FLAGS (AUTOREAP)), 0);
  CHECK_EQ (open_descriptors (), descriptors);
  CHECK_ERRNO (waitpid (-1, NULL, __WALL), ECHILD);
}

TEST (no_program_to_reap)
{
  need_kernel ();
  posix_spawn_file_actions_t actions;
  CHECK_EQ (posix_spawn_file_actions_init (&actions), 0);
  CHECK_EQ (posix_spawn_file_actions_adddup2 (&actions, 700, 5), 0);
  for (int i = 0; i < REQUESTS; i++)
    {
      CHECK_EXT_FAILS (spawn_ext (&pidfd, "/nonexistent", NULL, NULL, sleep_argv (), FLAGS (requests[i])), ENOENT);
      CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", &actions, NULL, sleep_argv (), FLAGS (requests[i])), EBADF);
      CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (),
                                  ARGS (.flags = requests[i] | PIDFD_SPAWN_CLOEXEC_FROM, .cloexec_from = 3,
                                        .inherit = (const int[]) { 700 }, .inherit_count = 1)),
                       EBADF);
    }
  CHECK_EXT_FAILS (((void) pidfd, spawn_ext (NULL, "/nonexistent", NULL, NULL, sleep_argv (), FLAGS (AUTOREAP))),
                   ENOENT);
  posix_spawn_file_actions_destroy (&actions);
}

/* With everything else in the same call. */
TEST (reaped_beside_other_requests)
{
  need_kernel ();
  for (int i = 0; i < REQUESTS; i++)
    {
      int pidfd = UNTOUCHED;
      sigset_t ignored = SIGNALS (SIGUSR1);
      CHECK_EQ (spawn_ext (&pidfd, "sleep", NULL, NULL, sleep_argv (),
                           ARGS (.flags = requests[i] | PIDFD_SPAWN_SEARCH | PIDFD_SPAWN_CLOEXEC_FROM
                                          | PIDFD_SPAWN_SETUMASK | PIDFD_SPAWN_SETSIGIGNORE | PIDFD_SPAWN_PDEATHSIG,
                                 .cloexec_from = 3, .umask = 077, .ignore = &ignored, .death_signal = SIGTERM)),
                0);
      struct process_state state = state_of (pid_of (pidfd));
      CHECK (sys_pidfd_send_signal (pidfd, SIGKILL, NULL, 0) == 0);
      CHECK_END (pidfd, CLD_KILLED, SIGKILL);
      CHECK_EQ (state.ignored, 1ULL << (SIGUSR1 - 1));
    }
}

TEST (reaped_as_another_user)
{
  need_kernel ();
  need_root ();
  for (int i = 0; i < REQUESTS; i++)
    {
      int pidfd = UNTOUCHED;
      CHECK_EQ (spawn_ext (&pidfd, "/bin/sleep", NULL, NULL, sleep_argv (),
                           ARGS (.flags = requests[i] | PIDFD_SPAWN_SETGID | PIDFD_SPAWN_SETUID, .gid = NOBODY,
                                 .uid = NOBODY)),
                0);
      struct process_state state = state_of (pid_of (pidfd));
      CHECK (sys_pidfd_send_signal (pidfd, SIGKILL, NULL, 0) == 0);
      CHECK_END (pidfd, CLD_KILLED, SIGKILL);
      CHECK_EQ (state.uid, NOBODY);
      CHECK_EQ (state.euid, NOBODY);
      CHECK_EQ (state.gid, NOBODY);
      CHECK_EXT_FAILS (spawn_ext (&pidfd, "/nonexistent", NULL, NULL, sleep_argv (),
                                  ARGS (.flags = requests[i] | PIDFD_SPAWN_SETUID, .uid = NOBODY)),
                       ENOENT);
    }
}

/* ---- Killed at the last close ---- */

/* A cat between two pipes: whether it lives, its answer shows. */
struct cat {
  int pidfd, in, out;
};

static struct cat
start_cat (uint64_t flags)
{
  struct cat cat = { UNTOUCHED, -1, -1 };
  int in[2], out[2];
  CHECK (pipe2 (in, O_CLOEXEC) == 0 && pipe2 (out, O_CLOEXEC) == 0);
  posix_spawn_file_actions_t actions;
  CHECK_EQ (posix_spawn_file_actions_init (&actions), 0);
  CHECK_EQ (posix_spawn_file_actions_adddup2 (&actions, in[0], STDIN_FILENO), 0);
  CHECK_EQ (posix_spawn_file_actions_adddup2 (&actions, out[1], STDOUT_FILENO), 0);
  CHECK_EQ (spawn_ext (&cat.pidfd, "/bin/cat", &actions, NULL, (char *[]){ (char *) "cat", NULL }, FLAGS (flags)), 0);
  posix_spawn_file_actions_destroy (&actions);
  CHECK (close (in[0]) == 0 && close (out[1]) == 0);
  cat.in = in[1];
  cat.out = out[0];
  return cat;
}

static void
check_alive (struct cat cat)
{
  char byte = 0;
  CHECK_EQ (write (cat.in, "x", 1), 1);
  CHECK_EQ (read (cat.out, &byte, 1), 1);
  CHECK_EQ (byte, 'x');
}

/* By another pidfd, which is no copy of the first. */
static void
check_killed_by_close (struct cat cat, int other)
{
  char byte;
  CHECK_END (other, CLD_KILLED, SIGKILL);
  CHECK_EQ (read (cat.out, &byte, 1), 0);
  CHECK (close (cat.in) == 0 && close (cat.out) == 0);
  CHECK_NO_CHILD ();
}

TEST (killed_at_the_last_close)
{
  need_kernel ();
  static const uint64_t flags[] = { SAFE_KILL, SAFE_KILL | AUTOREAP };
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
    {
      struct cat cat = start_cat (flags[i]);
      int other = sys_pidfd_open (pid_of (cat.pidfd), 0), copy = fcntl (cat.pidfd, F_DUPFD_CLOEXEC, 0);
      CHECK (other >= 0 && copy >= 0);
      check_alive (cat);
      CHECK (close (cat.pidfd) == 0);
      check_alive (cat);
      CHECK (close (copy) == 0);
      check_killed_by_close (cat, other);
    }
}

/* Without the flag it lives on. */
TEST (not_killed_at_the_last_close)
{
  need_kernel ();
  struct cat cat = start_cat (AUTOREAP);
  int other = sys_pidfd_open (pid_of (cat.pidfd), 0);
  CHECK (other >= 0);
  CHECK (close (cat.pidfd) == 0);
  check_alive (cat);
  CHECK (close (cat.in) == 0);
  CHECK_END (other, CLD_EXITED, 0);
  CHECK (close (cat.out) == 0);
}

/* The end of the process closes it too. */
TEST (killed_when_the_caller_ends)
{
  need_kernel ();
  int out[2];
  CHECK (pipe2 (out, O_CLOEXEC) == 0);
  pid_t caller = fork ();
  CHECK (caller >= 0);
  if (caller == 0)
    {
      posix_spawn_file_actions_t actions;
      posix_spawn_file_actions_init (&actions);
      posix_spawn_file_actions_adddup2 (&actions, out[1], STDOUT_FILENO);
      int pidfd = UNTOUCHED;
      _exit (spawn_ext (&pidfd, "/bin/sleep", &actions, NULL, sleep_argv (), FLAGS (SAFE_KILL)));
    }
  CHECK (close (out[1]) == 0);
  int status;
  CHECK_EQ (waitpid (caller, &status, 0), caller);
  CHECK_EQ (status, 0);
  /* The program held the other end. */
  char byte;
  CHECK_EQ (read (out[0], &byte, 1), 0);
  CHECK (close (out[0]) == 0);
}

/* ---- Privileges ---- */

TEST (no_new_privs_beside_kill_on_close)
{
  need_kernel ();
  char *own = format ("%s", status_of (getpid (), "NoNewPrivs"));
  struct cat cat = start_cat (SAFE_KILL);
  int other = sys_pidfd_open (pid_of (cat.pidfd), 0);
  CHECK_STR (status_of (pid_of (cat.pidfd), "NoNewPrivs"), "1");
  CHECK (close (cat.pidfd) == 0);
  check_killed_by_close (cat, other);
  CHECK_STR (status_of (getpid (), "NoNewPrivs"), own);
}

/* With CAP_SYS_ADMIN it is not needed, and not set. */
TEST (kill_on_close_with_the_capability)
{
  need_kernel ();
  if (!has_sys_admin ())
    SKIP ("needs CAP_SYS_ADMIN");
  char *own = format ("%s", status_of (getpid (), "NoNewPrivs"));
  struct cat cat = start_cat (KILL);
  int other = sys_pidfd_open (pid_of (cat.pidfd), 0);
  CHECK_STR (status_of (pid_of (cat.pidfd), "NoNewPrivs"), own);
  CHECK (close (cat.pidfd) == 0);
  check_killed_by_close (cat, other);
}

/* No silent loss of privileges, and no child without what was asked for. */
TEST_LEAVING (kill_on_close_without_the_capability)
{
  need_kernel ();
  become_nobody ();
  CHECK (!has_sys_admin ());
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), FLAGS (KILL)), EPERM);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), FLAGS (KILL | AUTOREAP)), EPERM);
  struct cat cat = start_cat (SAFE_KILL);
  int other = sys_pidfd_open (pid_of (cat.pidfd), 0);
  CHECK (close (cat.pidfd) == 0);
  check_killed_by_close (cat, other);
}
