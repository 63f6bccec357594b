/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The change of user of pidfd_spawn_ext: which credentials the program has, in which order they come, and errors.  What
 * it means for the caller: tst-ext-user-caller.c. */

#include "credentials.h"

#include <grp.h>
#include <sys/fsuid.h>
#include <sys/statvfs.h>

enum { SETS = PIDFD_SPAWN_SETGROUPS | PIDFD_SPAWN_SETGID | PIDFD_SPAWN_SETUID };

static const gid_t some_groups[] = { 11, 77, 54999 };

/* All that the three flags can change, with the groups that are asked for. */
static void
check_combinations (const gid_t *groups, uint32_t count, const char *text, uid_t user)
{
  char *own_groups = status_of (getpid (), "Groups"), *own_gid = status_of (getpid (), "Gid");
  char *own_uid = status_of (getpid (), "Uid"), *own_capabilities = status_of (getpid (), "CapPrm");
  own_groups[strcspn (own_groups, " ") ? strlen (own_groups) - 1 : 0] = 0;
  for (unsigned int which = 0; which < 8; which++)
    {
      uint64_t flags = (which & 1 ? PIDFD_SPAWN_SETGROUPS : 0) | (which & 2 ? PIDFD_SPAWN_SETGID : 0)
                       | (which & 4 ? PIDFD_SPAWN_SETUID : 0);
      struct program program = start (NULL, ARGS (.flags = flags, .groups = groups, .group_count = count, .gid = GROUP,
                                                  .uid = user));
      check_status (program.pid, "Groups", which & 1 ? text : own_groups);
      check_status (program.pid, "Gid", which & 2 ? four (GROUP, GROUP, GROUP) : own_gid);
      check_status (program.pid, "Uid", which & 4 ? four (user, user, user) : own_uid);
      check_status (program.pid, "CapPrm", which & 4 && user ? "0000000000000000" : own_capabilities);
      check_status (program.pid, "CapEff", which & 4 && user ? "0000000000000000" : own_capabilities);
      check_status (program.pid, "CapInh", status_of (getpid (), "CapInh"));
      check_status (program.pid, "CapBnd", status_of (getpid (), "CapBnd"));
      check_status (program.pid, "CapAmb", "0000000000000000");
      check_status (program.pid, "NoNewPrivs", status_of (getpid (), "NoNewPrivs"));
      CHECK_EQ (state_of (program.pid).blocked, 0);
      end_of (&program);
      CHECK_EQ (dumpable (), 1);
    }
}

TEST (every_combination)
{
  need_users ();
  check_combinations (some_groups, 3, "11 77 54999", USER);
}

TEST (every_combination_without_groups)
{
  need_users ();
  check_combinations (NULL, 0, "", USER);
}

TEST_LEAVING (every_combination_for_a_caller_with_groups)
{
  need_users ();
  CHECK (setgroups (2, (const gid_t[]) { 5, 6 }) == 0);
  check_combinations (some_groups, 1, "11", USER);
  check_combinations (NULL, 0, "", USER);
}

TEST (root_stays_root)
{
  need_users ();
  check_combinations (some_groups, 2, "11 77", 0);
}

TEST (as_many_groups_as_there_can_be)
{
  need_users ();
  static gid_t groups[65536];
  for (int i = 0; i < 65536; i++)
    groups[i] = (gid_t) i;
  struct program program = start (NULL, ARGS (TO_USER, .groups = groups, .group_count = 65536));
  char *text = status_of (program.pid, "Groups");
  CHECK (strlen (text) > 65536 && strstr (text, " 65535"));
  end_of (&program);
}

TEST (without_a_place_for_the_pidfd)
{
  need_users ();
  posix_spawn_file_actions_t actions;
  char *result = test_path ("result");
  char *argv[] = { (char *) "cat", (char *) "/proc/self/status", NULL };
  CHECK_EQ (posix_spawn_file_actions_init (&actions), 0);
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, 1, result, O_WRONLY | O_CREAT, 0600), 0);
  CHECK_EQ (spawn_ext (NULL, "/bin/cat", &actions, NULL, argv, ARGS (TO_USER)), 0);
  posix_spawn_file_actions_destroy (&actions);
  int status;
  CHECK (wait (&status) > 0 && status == 0);
  CHECK (strstr (read_file (result), format ("Uid:\t%s\n", four (USER, USER, USER))) != NULL);
}

/* Capabilities that an execve would leave to another user. */
TEST_LEAVING (ambient_capabilities_are_not_inherited)
{
  need_users ();
  enum { NET_RAW = HAVE_NET_RAW };
  if (!has_capability (NET_RAW))
    SKIP ("there is no CAP_NET_RAW here");
  struct capabilities now = capabilities_of_caller ();
  now.half[0].inheritable |= 1U << NET_RAW;
  set_capabilities (&now);
  if (prctl (PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, NET_RAW, 0, 0) != 0)
    SKIP ("no ambient capabilities: %s", strerror (errno));
  struct program program = start (NULL, ARGS (TO_USER));
  check_status (program.pid, "CapAmb", "0000000000000000");
  check_status (program.pid, "CapPrm", "0000000000000000");
  end_of (&program);
  CHECK_EQ (prctl (PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, NET_RAW, 0, 0), 1);
}

/* The signals, for which a child of another user has dispositions to reset on its own. */

static void
do_nothing (int signal)
{
  (void) signal;
}

TEST_LEAVING (signals_are_as_for_any_spawn)
{
  need_users ();
  CHECK (signal (SIGUSR1, do_nothing) != SIG_ERR && signal (SIGUSR2, SIG_IGN) != SIG_ERR);
  sigset_t blocked = SIGNALS (SIGTERM, SIGWINCH), mask = SIGNALS (SIGHUP);
  CHECK (sigprocmask (SIG_BLOCK, &blocked, NULL) == 0);
  CHECK (raise (SIGTERM) == 0);
  posix_spawnattr_t attributes;
  CHECK_EQ (posix_spawnattr_init (&attributes), 0);
  CHECK_EQ (posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETSIGMASK), 0);
  CHECK_EQ (posix_spawnattr_setsigmask (&attributes, &mask), 0);
  for (int with_mask = 0; with_mask < 2; with_mask++)
    {
      struct program program = start (with_mask ? &attributes : NULL, ARGS (TO_USER));
      struct process_state state = state_of (program.pid);
      CHECK_EQ (state.blocked, with_mask ? 1 << (SIGHUP - 1) : 1 << (SIGTERM - 1) | 1 << (SIGWINCH - 1));
      CHECK_EQ (state.caught, 0);
      CHECK_EQ (state.ignored, 1 << (SIGUSR2 - 1));
      CHECK_EQ (state.pending, 0);
      end_of (&program);
    }
  posix_spawnattr_destroy (&attributes);
  sigset_t pending;
  CHECK (sigpending (&pending) == 0 && sigismember (&pending, SIGTERM) == 1);
  CHECK (signal (SIGTERM, SIG_IGN) != SIG_ERR);
}

/* The order. */

TEST (file_actions_come_before)
{
  need_users ();
  posix_spawn_file_actions_t actions;
  char *secret = test_path ("secret");
  write_file (secret, "", 0600);
  CHECK_EQ (posix_spawn_file_actions_init (&actions), 0);
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, 9, secret, O_RDWR, 0), 0);
  int pidfd;
  CHECK_EQ (spawn_ext (&pidfd, "/bin/true", &actions, NULL, sleep_argv (), ARGS (TO_USER)), 0);
  CHECK_EXIT (pidfd, 0);
  posix_spawn_file_actions_destroy (&actions);
}

/* Of another user the hard limit could not be raised. */
TEST_LEAVING (limits_come_before)
{
  need_users ();
  CHECK (setrlimit (RLIMIT_CORE, &(struct rlimit) { 4096, 4096 }) == 0);
  if (!(capabilities_of_caller ().half[0].effective & 1 << 24 /* CAP_SYS_RESOURCE */))
    SKIP ("the caller may not raise limits either");
  struct pidfd_spawn_rlimit limit = { RLIMIT_CORE, 0, 8192, 8192 };
  struct program program = start (NULL, ARGS (.flags = SETS | PIDFD_SPAWN_SETRLIMITS, .gid = GROUP, .uid = USER,
                                              .limits = &limit, .limit_count = 1));
  char *limits = read_file (format ("/proc/%d/limits", (int) program.pid));
  char *line = strstr (limits, "Max core file size");
  unsigned long soft, hard;
  CHECK (line && sscanf (line, "Max core file size %lu %lu", &soft, &hard) == 2);
  CHECK_EQ (soft, 8192);
  CHECK_EQ (hard, 8192);
  end_of (&program);
}

/* What the child asks of the kernel, in its order; the caller's own call is the last to be answered. */
enum { MOST_STEPS = 16 };
static uint64_t steps[MOST_STEPS];
static volatile int step_count;

static void *
note_steps (void *listener)
{
  struct notified_call call;
  do
    {
      CHECK (receive_call (*(int *) listener, &call));
      if (call.pid != getpid () && step_count < MOST_STEPS)
        steps[step_count++] = (uint32_t) call.arguments[0];
      CHECK (continue_call (*(int *) listener, &call));
    }
  while (call.pid != getpid ());
  return NULL;
}

TEST_LEAVING (the_credentials_come_in_their_order)
{
  need_users ();
  enum { COUNT = 3, NO_NEW_PRIVILEGES = 38, DEATH_SIGNAL = 1 };
  int listener = LISTEN ({ .call = SETGROUPS, .action = FILTER_NOTIFY },
                         { .call = SETRESGID, .action = FILTER_NOTIFY },
                         { .call = SETRESUID, .action = FILTER_NOTIFY },
                         { SYS_prctl, 0, ALL_BITS, NO_NEW_PRIVILEGES, FILTER_NOTIFY },
                         { SYS_prctl, 0, ALL_BITS, DEATH_SIGNAL, FILTER_NOTIFY },
                         { .call = SYS_execve, .action = FILTER_NOTIFY });
  pthread_t thread;
  CHECK_EQ (pthread_create (&thread, NULL, note_steps, &listener), 0);
  struct program program
    = start (NULL, ARGS (.flags = SETS | PIDFD_SPAWN_NO_NEW_PRIVS | PIDFD_SPAWN_PDEATHSIG, .gid = GROUP, .uid = USER,
                         .groups = some_groups, .group_count = COUNT, .death_signal = SIGTERM));
  check_status (program.pid, "Uid", four (USER, USER, USER));
  check_status (program.pid, "NoNewPrivs", "1");
  end_of (&program);
  CHECK_EQ (prctl (PR_SET_PDEATHSIG, 0, 0, 0, 0), 0);
  CHECK_EQ (pthread_join (thread, NULL), 0);
  /* The signal from the beginning, and again, for the change takes it back. */
  const uint32_t wanted[] = { DEATH_SIGNAL, COUNT, GROUP, USER, NO_NEW_PRIVILEGES, DEATH_SIGNAL };
  CHECK_EQ (step_count, 7);
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
    CHECK_EQ (steps[i], wanted[i]);
}

/* The signal is lost with a change of user, so it has to come after. */

struct brief_call {
  const posix_spawnattr_t *attributes;
  uint64_t flags;
  int pidfd;
};

static void *
spawn_and_end (void *call_)
{
  struct brief_call *call = call_;
  CHECK_EQ (spawn_ext (&call->pidfd, "/bin/sleep", NULL, call->attributes, sleep_argv (),
                       ARGS (.flags = call->flags | PIDFD_SPAWN_PDEATHSIG, .gid = GROUP, .uid = USER,
                             .death_signal = SIGTERM)), 0);
  return NULL;
}

/* In a thread, with whose end the signal has to come. */
static void
check_death_signal (const posix_spawnattr_t *attributes, uint64_t flags)
{
  struct brief_call call = { attributes, flags, UNTOUCHED };
  pthread_t thread;
  CHECK_EQ (pthread_create (&thread, NULL, spawn_and_end, &call), 0);
  CHECK_EQ (pthread_join (thread, NULL), 0);
  CHECK_KILLED (call.pidfd, SIGTERM);
}

TEST (the_death_signal_outlives_the_change)
{
  need_users ();
  for (unsigned int which = 0; which < 8; which++)
    check_death_signal (NULL, (which & 1 ? PIDFD_SPAWN_SETGROUPS : 0) | (which & 2 ? PIDFD_SPAWN_SETGID : 0)
                              | (which & 4 ? PIDFD_SPAWN_SETUID : 0));
}

/* POSIX_SPAWN_RESETIDS. */

static void
set_reset_ids (posix_spawnattr_t *attributes)
{
  CHECK_EQ (posix_spawnattr_init (attributes), 0);
  CHECK_EQ (posix_spawnattr_setflags (attributes, POSIX_SPAWN_RESETIDS), 0);
}

static void
become_set_user_id_root (void)
{
  CHECK (become_group (GROUP, 0, 0));
  CHECK (become (USER, 0, 0));
  CHECK (prctl (PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
}

TEST_LEAVING (resetids_gives_back_the_real_ids)
{
  need_users ();
  posix_spawnattr_t attributes;
  set_reset_ids (&attributes);
  become_set_user_id_root ();
  struct program program = start (&attributes, ARGS (.flags = PIDFD_SPAWN_SETUMASK, .umask = 022));
  check_status (program.pid, "Uid", four (USER, USER, USER));
  check_status (program.pid, "Gid", four (GROUP, GROUP, GROUP));
  check_status (program.pid, "CapPrm", "0000000000000000");
  end_of (&program);
  CHECK_EQ (dumpable (), 1);
  CHECK_EQ (geteuid (), 0);
  posix_spawnattr_destroy (&attributes);
}

/* As pidfd_spawn, but with no more danger for the caller than with arguments. */
TEST_LEAVING (resetids_without_arguments)
{
  need_users ();
  posix_spawnattr_t attributes;
  set_reset_ids (&attributes);
  become_set_user_id_root ();
  int pidfd;
  CHECK_EQ (pidfd_spawn_ext (&pidfd, "/bin/true", NULL, &attributes, sleep_argv (), environ, NULL, 0), 0);
  CHECK_EXIT (pidfd, 0);
  CHECK_EQ (dumpable (), 1);
  posix_spawnattr_destroy (&attributes);
}

/* Before the file actions, unlike the rest. */
TEST_LEAVING (resetids_comes_before_file_actions)
{
  need_users ();
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;
  char *secret = test_path ("secret");
  write_file (secret, "", 0600);
  set_reset_ids (&attributes);
  become_set_user_id_root ();
  CHECK_EQ (posix_spawn_file_actions_init (&actions), 0);
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, 9, secret, O_RDWR, 0), 0);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", &actions, &attributes, sleep_argv (),
                              ARGS (.flags = PIDFD_SPAWN_SETUMASK, .umask = 022)), EACCES);
  CHECK_EQ (dumpable (), 1);
  posix_spawn_file_actions_destroy (&actions);
  posix_spawnattr_destroy (&attributes);
}

/* That change of the IDs takes the signal away as well. */
TEST_LEAVING (the_death_signal_outlives_resetids)
{
  need_users ();
  posix_spawnattr_t attributes;
  set_reset_ids (&attributes);
  become_set_user_id_root ();
  check_death_signal (&attributes, 0);
  posix_spawnattr_destroy (&attributes);
}

/* A file action that waits would otherwise keep the child for ever. */
TEST_LEAVING (the_death_signal_comes_in_a_file_action_after_resetids)
{
  need_users ();
  need_list_of_children ();
  CHECK (prctl (PR_SET_CHILD_SUBREAPER, 1) == 0);
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;
  set_reset_ids (&attributes);
  CHECK (chmod (wait_for_fifo (&actions), 0666) == 0);
  pid_t caller = fork ();
  CHECK (caller >= 0);
  if (caller == 0)
    {
      become_set_user_id_root ();
      _exit (spawn_ext (NULL, "/bin/true", &actions, &attributes, sleep_argv (),
                        ARGS (.flags = PIDFD_SPAWN_PDEATHSIG, .death_signal = SIGKILL)));
    }
  int status;
  pid_t child;
  struct process_state state;
  /* Before it has that user it may sleep as well, until its caller lets it go on. */
  do
    child = sleeping_child_of (caller);
  while (!read_process_state (child, &state) || state.euid != USER || activity_of (child) != 'S');
  CHECK (kill (caller, SIGKILL) == 0);
  CHECK_EQ (waitpid (caller, NULL, 0), caller);
  CHECK_EQ (waitpid (child, &status, 0), child);
  CHECK (WIFSIGNALED (status));
  CHECK_EQ (WTERMSIG (status), SIGKILL);
  posix_spawn_file_actions_destroy (&actions);
  posix_spawnattr_destroy (&attributes);
}

static void
reset_one_kind (void *kind)
{
  posix_spawnattr_t attributes;
  set_reset_ids (&attributes);
  CHECK (*(bool *) kind ? become (USER, 0, 0) : become_group (GROUP, 0, 0));
  CHECK (prctl (PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
  struct program program = start (&attributes, ARGS (.flags = PIDFD_SPAWN_SETUMASK, .umask = 022));
  if (*(bool *) kind)
    check_status (program.pid, "Uid", four (USER, USER, USER));
  else
    check_status (program.pid, "Gid", four (GROUP, GROUP, GROUP));
  end_of (&program);
  CHECK_EQ (dumpable (), 1);
}

TEST (resetids_with_another_user_or_group_alone)
{
  need_users ();
  for (int kind = 0; kind < 2; kind++)
    CHECK_EQ (in_fork (reset_one_kind, &(bool) { kind }), 0);
}

static void
reset_ids_without_a_file (void *refused)
{
  posix_spawnattr_t attributes;
  set_reset_ids (&attributes);
  CHECK (become (USER, 0, 0) && prctl (PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
  refuse_call (*(int *) refused, EMFILE);
  int pidfd;
  int error = spawn_ext (&pidfd, "/bin/true", NULL, &attributes, sleep_argv (),
                         ARGS (.flags = PIDFD_SPAWN_SETUMASK, .umask = 022));
  /* What protects the caller may need the same call; the program's loader may, too. */
  if (error == 0)
    reap (pidfd);
  else
    CHECK_EQ (error, EMFILE);
  CHECK_EQ (dumpable (), 1);
}

/* By its owner it is seen by which IDs files are opened. */
TEST (resetids_without_a_file)
{
  need_users ();
  CHECK_EQ (in_fork (reset_ids_without_a_file, &(int){ SYS_pipe2 }), 0);
  CHECK_EQ (in_fork (reset_ids_without_a_file, &(int){ SYS_statx }), 0);
  CHECK_EQ (in_fork (reset_ids_without_a_file, &(int){ GETRESUID }), 0);
}

static void
ask_for_groups (void *flag)
{
  posix_spawnattr_t attributes;
  set_reset_ids (&attributes);
  CHECK (syscall (SETGROUPS, 0, NULL) == 0 && become_group (GROUP, GROUP, GROUP) && become (USER, 0, 0));
  CHECK (prctl (PR_SET_DUMPABLE, *(int *) flag, 0, 0, 0) == 0);
  for (gid_t gid = 0; gid < 3; gid++)
    CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, &attributes, sleep_argv (),
                                ARGS (.flags = PIDFD_SPAWN_SETGID, .gid = gid)), EPERM);
  struct program program = start (&attributes, ARGS (.flags = PIDFD_SPAWN_SETGID, .gid = GROUP));
  check_status (program.pid, "Gid", four (GROUP, GROUP, GROUP));
  end_of (&program);
  CHECK_EQ (dumpable (), *(int *) flag);
}

/* The real user may not have them, whatever saved group ID protects the caller. */
TEST (after_resetids_another_group_is_EPERM)
{
  need_users ();
  for (int flag = 0; flag < 2; flag++)
    CHECK_EQ (in_fork (ask_for_groups, &flag), 0);
}

/* Programs that give more than their caller has: with the set-user-ID bit, or with capabilities. */

static char *
copy_of_cat (mode_t mode)
{
  char *path = test_path ("cat"), *argv[] = { (char *) "cp", (char *) "/bin/cat", path, NULL };
  int pidfd;
  CHECK_EQ (spawn_ext (&pidfd, "/bin/cp", NULL, NULL, argv, ARGS (.flags = 0)), 0);
  CHECK_EXIT (pidfd, 0);
  CHECK (chmod (path, mode) == 0);
  return path;
}

TEST (no_new_privs_holds_back_set_user_id_programs)
{
  need_users ();
  struct statvfs file_system;
  CHECK (statvfs (test_dir (), &file_system) == 0);
  if (file_system.f_flag & ST_NOSUID)
    SKIP ("the file system takes no notice of set-user-ID bits");
  if (prctl (PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0)
    SKIP ("the test itself gets no new privileges");
  char *program_path = copy_of_cat (04755);
  struct program program = start_copy (program_path, NULL, ARGS (TO_USER));
  check_status (program.pid, "Uid", four (USER, 0, 0));
  check_status (program.pid, "NoNewPrivs", "0");
  end_of (&program);
  program = start_copy (program_path, NULL,
                        ARGS (.flags = SETS | PIDFD_SPAWN_NO_NEW_PRIVS, .gid = GROUP, .uid = USER));
  check_status (program.pid, "Uid", four (USER, USER, USER));
  check_status (program.pid, "NoNewPrivs", "1");
  end_of (&program);
  CHECK_EQ (prctl (PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
}

/* Capabilities that a file gives: CAP_NET_RAW alone. */
static bool
give_capability (const char *path)
{
  const uint32_t magic = 0x02000001, net_raw = 1 << 13, capability[] = { magic, net_raw, 0, 0, 0 };
  return syscall (SYS_setxattr, path, "security.capability", capability, sizeof capability, 0) == 0;
}

TEST (no_new_privs_holds_back_capabilities_of_files)
{
  need_users ();
  if (prctl (PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0)
    SKIP ("the test itself gets no new privileges");
  if (!has_capability (HAVE_NET_RAW))
    SKIP ("there is no CAP_NET_RAW here");
  char *program_path = copy_of_cat (0755);
  if (!give_capability (program_path))
    SKIP ("files have no capabilities here: %s", strerror (errno));
  struct program program = start_copy (program_path, NULL, ARGS (TO_USER));
  char *given = status_of (program.pid, "CapEff");
  end_of (&program);
  if (strcmp (given, "0000000000002000") != 0)
    SKIP ("the file system takes no notice of capabilities");
  program = start_copy (program_path, NULL,
                        ARGS (.flags = SETS | PIDFD_SPAWN_NO_NEW_PRIVS, .gid = GROUP, .uid = USER));
  check_status (program.pid, "CapEff", "0000000000000000");
  check_status (program.pid, "CapPrm", "0000000000000000");
  end_of (&program);
  /* The saved group ID that protects the caller is not the program's. */
  program = start (NULL, ARGS (.flags = PIDFD_SPAWN_SETUID, .uid = USER));
  check_status (program.pid, "Gid", status_of (getpid (), "Gid"));
  end_of (&program);
}

/* Where that cannot be, the call works all the same: the memory is copied. */
TEST_LEAVING (without_a_saved_group_the_memory_is_copied)
{
  need_users ();
  refuse_saved_group ();
  int pidfd;
  CHECK_EQ (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (),
                       ARGS (.flags = PIDFD_SPAWN_SETUID, .uid = USER)), 0);
  CHECK_EXIT (pidfd, 0);
  CHECK_EQ (dumpable (), 1);
}

/* Group IDs that the caller may have for being its own are not lost to its protection. */
static void
become_the_saved_group (void *unused)
{
  (void) unused;
  CHECK (syscall (SETGROUPS, 0, NULL) == 0 && become_group (GROUP, GROUP, OTHER_GROUP));
  CHECK (become (USER, USER, USER) && prctl (PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
  struct program program = start (NULL, ARGS (.flags = PIDFD_SPAWN_SETGID, .gid = OTHER_GROUP));
  check_status (program.pid, "Gid", four (OTHER_GROUP, OTHER_GROUP, OTHER_GROUP));
  end_of (&program);
  CHECK_EQ (dumpable (), 1);
}

TEST (a_saved_group_can_be_asked_for)
{
  need_users ();
  CHECK_EQ (in_fork (become_the_saved_group, NULL), 0);
}

/* Errors. */

static void
check_error (const struct pidfd_spawn_args *args, int error)
{
  int before = dumpable ();
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), args), error);
  CHECK_EQ (dumpable (), before);
}

TEST_LEAVING (without_privileges_it_is_EPERM)
{
  need_users ();
  CHECK (setgroups (0, NULL) == 0 && setresgid (GROUP, GROUP, GROUP) == 0 && setresuid (USER, USER, USER) == 0);
  for (int flag = 0; flag < 2; flag++)
    {
      CHECK (prctl (PR_SET_DUMPABLE, flag, 0, 0, 0) == 0);
      check_error (ARGS (.flags = PIDFD_SPAWN_SETGROUPS, .groups = some_groups, .group_count = 1), EPERM);
      check_error (ARGS (.flags = PIDFD_SPAWN_SETGROUPS), EPERM);
      check_error (ARGS (.flags = PIDFD_SPAWN_SETGID, .gid = OTHER_GROUP), EPERM);
      check_error (ARGS (.flags = PIDFD_SPAWN_SETUID, .uid = OTHER_USER), EPERM);
      check_error (ARGS (.flags = PIDFD_SPAWN_SETUID, .uid = 0), EPERM);
      check_error (ARGS (TO_USER), EPERM);
      int pidfd;
      CHECK_EQ (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (),
                           ARGS (.flags = PIDFD_SPAWN_SETUID | PIDFD_SPAWN_SETGID, .uid = USER, .gid = GROUP)), 0);
      CHECK_EXIT (pidfd, 0);
      CHECK_EQ (dumpable (), flag);
    }
}

TEST_LEAVING (the_number_of_each_failed_step_is_given)
{
  need_users ();
  SET_FILTER ({ .call = SETGROUPS, .action = FILTER_ERROR (ENOMEM) },
              { SETRESGID, 0, ALL_BITS, GROUP, FILTER_ERROR (EXDEV) },
              { SETRESUID, 0, ALL_BITS, USER, FILTER_ERROR (EAGAIN) },
              { SYS_prctl, 0, ALL_BITS, PR_SET_NO_NEW_PRIVS, FILTER_ERROR (EBUSY) },
              { SYS_prctl, 0, ALL_BITS, PR_SET_PDEATHSIG, FILTER_ERROR (EDOM) });
  check_error (ARGS (.flags = PIDFD_SPAWN_SETGROUPS), ENOMEM);
  check_error (ARGS (TO_USER), ENOMEM);
  check_error (ARGS (.flags = PIDFD_SPAWN_SETGID, .gid = GROUP), EXDEV);
  check_error (ARGS (.flags = PIDFD_SPAWN_SETGID | PIDFD_SPAWN_SETUID, .gid = GROUP, .uid = USER), EXDEV);
  check_error (ARGS (.flags = PIDFD_SPAWN_SETUID, .uid = USER), EAGAIN);
  check_error (ARGS (.flags = PIDFD_SPAWN_NO_NEW_PRIVS), EBUSY);
  check_error (ARGS (.flags = PIDFD_SPAWN_NO_NEW_PRIVS | PIDFD_SPAWN_SETUID, .uid = OTHER_USER), EBUSY);
  check_error (ARGS (.flags = PIDFD_SPAWN_PDEATHSIG | PIDFD_SPAWN_SETUID, .uid = OTHER_USER, .death_signal = 1), EDOM);
}

/* Where the caller could not be kept from harm, no program is started. */
TEST_LEAVING (what_protects_the_caller_has_to_work)
{
  need_users ();
  need_own_instructions ();
  refuse_call (SYS_set_tid_address, EBUSY);
  check_error (ARGS (TO_USER), EBUSY);
  refuse_call (SYS_capget, ENOMEM);
  check_error (ARGS (.flags = PIDFD_SPAWN_SETUID, .uid = USER), ENOMEM);
  refuse_call (GETRESGID, EDOM);
  check_error (ARGS (TO_USER), EDOM);
  refuse_call_when (SYS_prctl, 0, PR_GET_DUMPABLE, ERANGE);
  check_error (ARGS (TO_USER), ERANGE);
  refuse_call_when (SYS_prctl, 0, PR_SET_DUMPABLE, ENODEV);
  check_error (ARGS (TO_USER), ENODEV);
}

/* That it is a copy the child hears from its parent; kcmp would tell as well, but is no call that programs make. */
TEST_LEAVING (a_child_with_a_copy_of_the_memory_does_without_kcmp)
{
  need_users ();
  SET_FILTER ({ .call = SYS_kcmp, .action = FILTER_KILL }, { .call = SETRESGID, .action = FILTER_ERROR (EPERM) });
  int pidfd;
  CHECK_EQ (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (),
                       ARGS (.flags = PIDFD_SPAWN_SETUID, .uid = USER)), 0);
  CHECK_EXIT (pidfd, 0);
}

static void
end_before_the_first_step (void *unused)
{
  (void) unused;
  int pidfd;
  CHECK_EQ (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), ARGS (TO_USER)), 0);
  CHECK_EXIT (pidfd, 0);
  refuse_call (SYS_set_tid_address, EBUSY);
  refuse_call (SYS_waitid, EPERM);
  CHECK_EQ (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), ARGS (TO_USER)), EBUSY);
  CHECK_ERRNO (waitpid (-1, NULL, WNOHANG), ECHILD);
}

/* Its end is no departure that the kernel tells. */
TEST (the_end_of_a_child_before_its_first_step_is_seen_without_waitid)
{
  need_users ();
  need_own_instructions ();
  CHECK_EQ (in_fork (end_before_the_first_step, NULL), 0);
}

static void
write_map (const char *path, const char *map)
{
  int fd = open (path, O_WRONLY | O_CLOEXEC);
  CHECK (fd >= 0);
  CHECK_EQ (write (fd, map, strlen (map)), (int) strlen (map));
  close (fd);
}

static void
start_in_user_namespace (void *unused)
{
  (void) unused;
  if (unshare (CLONE_NEWUSER) != 0)
    SKIP ("no user namespace: %s", strerror (errno));
  write_map ("/proc/self/setgroups", "deny");
  write_map ("/proc/self/gid_map", "0 0 1");
  write_map ("/proc/self/uid_map", "0 0 1");
  check_error (ARGS (.flags = PIDFD_SPAWN_SETUID, .uid = USER), EINVAL);
  check_error (ARGS (.flags = PIDFD_SPAWN_SETGID, .gid = GROUP), EINVAL);
  check_error (ARGS (.flags = PIDFD_SPAWN_SETGROUPS), EPERM);
  check_error (ARGS (.flags = SETS, .uid = 0, .gid = 0), EPERM);
  int pidfd;
  CHECK_EQ (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (),
                       ARGS (.flags = PIDFD_SPAWN_SETUID | PIDFD_SPAWN_SETGID, .uid = 0, .gid = 0)), 0);
  CHECK_EXIT (pidfd, 0);
  /* An unknown one that is asked for is not tried a second time, after actions that were done already. */
  posix_spawn_file_actions_t actions;
  char *once = test_path ("once");
  CHECK_EQ (posix_spawn_file_actions_init (&actions), 0);
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, 20, once, O_WRONLY | O_CREAT | O_EXCL, 0600), 0);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", &actions, NULL, sleep_argv (),
                              ARGS (.flags = PIDFD_SPAWN_SETGID, .gid = GROUP)), EINVAL);
  CHECK (unlink (once) == 0 || errno == ENOENT);
  /* The saved group ID that would protect the caller is unknown as well; that has to be found before any action. */
  CHECK_EQ (spawn_ext (&pidfd, "/bin/true", &actions, NULL, sleep_argv (),
                       ARGS (.flags = PIDFD_SPAWN_SETUID, .uid = 0)), 0);
  CHECK_EXIT (pidfd, 0);
  posix_spawn_file_actions_destroy (&actions);
}

TEST (in_a_user_namespace_an_unknown_id_is_EINVAL)
{
  need_users ();
  CHECK_EQ (in_fork (start_in_user_namespace, NULL), 0);
}

/* The limit counts the processes that the new user has already, and the execve says so. */
TEST (too_many_processes_of_the_new_user_are_EAGAIN)
{
  need_users ();
  struct program one = start (NULL, ARGS (TO_USER));
  struct pidfd_spawn_rlimit limit = { RLIMIT_NPROC, 0, 0, 0 };
  int pidfd = UNTOUCHED;
  CHECK_ERROR (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (),
                          ARGS (.flags = SETS | PIDFD_SPAWN_SETRLIMITS, .gid = GROUP, .uid = USER, .limits = &limit,
                                .limit_count = 1)), EAGAIN);
  CHECK_EQ (pidfd, UNTOUCHED);
  CHECK_EQ (dumpable (), 1);
  end_of (&one);
}

/* Where no saved group ID can be had: the child that would find that out must not be the first of the namespace. */
static void
start_the_first_in_two_namespaces (void *unused)
{
  (void) unused;
  if (unshare (CLONE_NEWUSER | CLONE_NEWPID) != 0)
    SKIP ("no user and PID namespaces: %s", strerror (errno));
  write_map ("/proc/self/setgroups", "deny");
  write_map ("/proc/self/gid_map", "0 0 1");
  write_map ("/proc/self/uid_map", "0 0 1");
  char *argv[] = { (char *) "sh", (char *) "-c", (char *) "test $$ = 1", NULL };
  int pidfd;
  CHECK_EQ (spawn_ext (&pidfd, "/bin/sh", NULL, NULL, argv,
                       ARGS (.flags = PIDFD_SPAWN_SETUID | PIDFD_SPAWN_SETGID, .uid = 0, .gid = 0)), 0);
  CHECK_EXIT (pidfd, 0);
}

TEST (the_first_process_of_a_namespace_is_the_program)
{
  need_users ();
  CHECK_EQ (in_fork (start_the_first_in_two_namespaces, NULL), 0);
}

/* Nor may the actions be done twice where the caller's own group is none of the namespace, whose number it only seems
   to have. */
static void
start_with_an_unknown_group (void *pipes_)
{
  int (*pipes)[2] = pipes_, pidfd;
  char byte;
  if (unshare (CLONE_NEWUSER) != 0)
    SKIP ("no user namespace: %s", strerror (errno));
  CHECK_EQ (write (pipes[0][1], "", 1), 1);
  CHECK_EQ (read (pipes[1][0], &byte, 1), 1);
  posix_spawn_file_actions_t actions;
  CHECK_EQ (posix_spawn_file_actions_init (&actions), 0);
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, 20, test_path ("once"), O_WRONLY | O_CREAT | O_EXCL, 0600), 0);
  CHECK_EQ (spawn_ext (&pidfd, "/bin/true", &actions, NULL, sleep_argv (),
                       ARGS (.flags = PIDFD_SPAWN_SETUID | PIDFD_SPAWN_SETGID, .uid = 0, .gid = 0)), 0);
  CHECK_EXIT (pidfd, 0);
  posix_spawn_file_actions_destroy (&actions);
}

TEST (a_group_that_the_namespace_does_not_have)
{
  need_users ();
  int pipes[2][2], status;
  char byte;
  CHECK (chmod (test_dir (), 0777) == 0);
  CHECK (pipe2 (pipes[0], O_CLOEXEC) == 0 && pipe2 (pipes[1], O_CLOEXEC) == 0);
  pid_t child = fork ();
  CHECK (child >= 0);
  if (child == 0)
    {
      close (pipes[0][0]);
      start_with_an_unknown_group (pipes);
      _exit (0);
    }
  close (pipes[0][1]);
  if (read (pipes[0][0], &byte, 1) == 1)
    {
      write_map (format ("/proc/%d/gid_map", (int) child), "0 100000 1000");
      write_map (format ("/proc/%d/uid_map", (int) child), "0 100000 1000");
      CHECK_EQ (write (pipes[1][1], "", 1), 1);
    }
  CHECK_EQ (waitpid (child, &status, 0), child);
  if (WIFEXITED (status) && WEXITSTATUS (status) == 77)
    _exit (77);
  CHECK_EQ (status, 0);
  CHECK (close (pipes[0][0]) == 0 && close (pipes[1][0]) == 0 && close (pipes[1][1]) == 0);
}

/* A server of files works for others by these two. */
static void
open_as_another (void *unused)
{
  (void) unused;
  char *path = test_path ("of-the-group");
  CHECK (close (open (path, O_WRONLY | O_CREAT | O_EXCL, 0)) == 0 && chmod (path, 0060) == 0);
  CHECK (chmod (test_dir (), 0777) == 0 && setgroups (0, NULL) == 0);
  setfsgid (GROUP);
  setfsuid (USER);
  CHECK_ERRNO (open (path, O_RDWR), EACCES);
  posix_spawn_file_actions_t actions;
  CHECK_EQ (posix_spawn_file_actions_init (&actions), 0);
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, 20, path, O_RDWR, 0), 0);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", &actions, NULL, sleep_argv (),
                              ARGS (.flags = PIDFD_SPAWN_SETUID, .uid = USER)), EACCES);
  posix_spawn_file_actions_destroy (&actions);
}

TEST (files_are_opened_by_the_ids_of_the_caller)
{
  need_users ();
  CHECK_EQ (in_fork (open_as_another, NULL), 0);
}

/* RESETIDS sets these IDs as well. */
static void
reset_ids_of_a_file_server (void *call)
{
  posix_spawnattr_t attributes;
  set_reset_ids (&attributes);
  syscall (*(int *) call, USER);
  CHECK (prctl (PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
  int pidfd;
  CHECK_EQ (spawn_ext (&pidfd, "/bin/true", NULL, &attributes, sleep_argv (),
                       ARGS (.flags = PIDFD_SPAWN_SETUMASK, .umask = 022)), 0);
  CHECK_EXIT (pidfd, 0);
  CHECK_EQ (dumpable (), 1);
}

TEST (resetids_of_a_file_server)
{
  need_users ();
  CHECK_EQ (in_fork (reset_ids_of_a_file_server, &(int){ SETFSUID }), 0);
  CHECK_EQ (in_fork (reset_ids_of_a_file_server, &(int){ SETFSGID }), 0);
}

/* A death signal that would not come is an error. */

static void
ask_for_a_signal_that_may_not_be_sent (void *unused)
{
  (void) unused;
  struct capabilities own = capabilities_of_caller ();
  own.half[0].effective &= ~(1U << 5 /* CAP_KILL */);
  set_capabilities (&own);
  check_error (ARGS (.flags = SETS | PIDFD_SPAWN_PDEATHSIG, .uid = USER, .gid = GROUP, .death_signal = SIGTERM), EPERM);
  int pidfd;
  CHECK_EQ (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (),
                       ARGS (.flags = SETS | PIDFD_SPAWN_PDEATHSIG, .uid = 0, .gid = GROUP, .death_signal = SIGTERM)),
            0);
  CHECK_EXIT (pidfd, 0);
}

TEST (the_death_signal_is_the_callers_to_send)
{
  need_users ();
  CHECK_EQ (in_fork (ask_for_a_signal_that_may_not_be_sent, NULL), 0);
}

static void
ask_for_a_signal_that_is_taken_away (void *unused)
{
  (void) unused;
  const struct pidfd_spawn_args *args = ARGS (.flags = PIDFD_SPAWN_PDEATHSIG, .death_signal = SIGTERM);
  int pidfd;
  CHECK (become_group (0, GROUP, GROUP));
  check_error (args, EOPNOTSUPP);
  CHECK_EQ (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (),
                       ARGS (.flags = PIDFD_SPAWN_SETGID | PIDFD_SPAWN_PDEATHSIG, .gid = GROUP,
                             .death_signal = SIGTERM)), 0);
  CHECK_EXIT (pidfd, 0);
  CHECK (become_group (0, 0, 0) && become (0, USER, USER));
  check_error (args, EOPNOTSUPP);
  refuse_call (SYS_pipe2, EMFILE);
  check_error (args, EOPNOTSUPP);
}

/* A server opens files by the IDs of its clients. */
static void
ask_for_a_signal_as_file_server (void *call)
{
  const struct pidfd_spawn_args *args = ARGS (.flags = PIDFD_SPAWN_PDEATHSIG, .death_signal = SIGTERM);
  static const struct pidfd_spawn_rlimit few = { RLIMIT_NOFILE, 0, 0, 64 };
  syscall (*(int *) call, USER);
  check_error (args, EOPNOTSUPP);
  /* It has to be known where there is no number for a pipe, too. */
  check_error (ARGS (.flags = PIDFD_SPAWN_PDEATHSIG | PIDFD_SPAWN_SETRLIMITS, .limits = &few, .limit_count = 1,
                     .death_signal = SIGTERM), EOPNOTSUPP);
  syscall (*(int *) call, 0);
  int pidfd;
  CHECK_EQ (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), args), 0);
  CHECK_EXIT (pidfd, 0);
}

static void
start_with_death_signal (uint64_t flags)
{
  int pidfd;
  CHECK_EQ (spawn_ext (&pidfd, "/bin/sleep", NULL, NULL, sleep_argv (),
                       ARGS (.flags = PIDFD_SPAWN_PDEATHSIG | flags, .death_signal = SIGTERM)), 0);
  kill_and_reap (pidfd);
}

enum { NO_ROOT = 1 /* SECBIT_NOROOT */ };

/* Root gets by its exec what is missing of the bounding and of the inheritable set. */
static void
ask_for_a_signal_as_weak_root (void *mode)
{
  const struct pidfd_spawn_args *args = ARGS (.flags = PIDFD_SPAWN_PDEATHSIG, .death_signal = SIGTERM);
  struct capabilities few = capabilities_of_caller ();
  few.half[0].effective &= ~(1U << HAVE_NET_RAW);
  few.half[0].permitted &= ~(1U << HAVE_NET_RAW);
  few.half[0].inheritable |= 1U << HAVE_NET_RAW;
  set_capabilities (&few);
  check_error (args, EOPNOTSUPP);
  start_with_death_signal (PIDFD_SPAWN_NO_NEW_PRIVS);
  if (mode)
    {
      if (prctl (*(int *) mode, 1, 0, 0, 0) != 0)
        SKIP ("the mode cannot be set: %s", strerror (errno));
      start_with_death_signal (0);
      return;
    }
  if (prctl (PR_CAPBSET_DROP, HAVE_NET_RAW, 0, 0, 0) != 0)
    SKIP ("the bounding set cannot be made smaller: %s", strerror (errno));
  check_error (args, EOPNOTSUPP);
  few.half[0].inheritable &= ~(1U << HAVE_NET_RAW);
  set_capabilities (&few);
  start_with_death_signal (0);
}

TEST (the_death_signal_is_taken_away_by_the_exec)
{
  need_users ();
  CHECK_EQ (in_fork (ask_for_a_signal_that_is_taken_away, NULL), 0);
  CHECK_EQ (in_fork (ask_for_a_signal_as_file_server, &(int){ SETFSUID }), 0);
  CHECK_EQ (in_fork (ask_for_a_signal_as_file_server, &(int){ SETFSGID }), 0);
}

static void
need_gaining_root (void)
{
  need_users ();
  if (!has_capability (HAVE_NET_RAW))
    SKIP ("there is no CAP_NET_RAW to lose");
  if (prctl (PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0 || (prctl (PR_GET_SECUREBITS, 0, 0, 0, 0) & NO_ROOT))
    SKIP ("no exec gives any here");
}

TEST (the_death_signal_is_taken_away_by_new_capabilities)
{
  need_gaining_root ();
  CHECK_EQ (in_fork (ask_for_a_signal_as_weak_root, NULL), 0);
}

TEST (the_death_signal_of_a_root_without_privileges)
{
  need_gaining_root ();
  /* To NO_ROOT. */
  CHECK_EQ (in_fork (ask_for_a_signal_as_weak_root, &(int){ PR_SET_SECUREBITS }), 0);
  CHECK_EQ (in_fork (ask_for_a_signal_as_weak_root, &(int){ PR_SET_NO_NEW_PRIVS }), 0);
}

/* Filters that take no privileges. */
static void
ask_for_a_signal_as_unknown_root (void *bounds_alone)
{
  if (bounds_alone)
    (void) SET_FILTER_WITH (FILTER_PRIVILEGED, { .call = SYS_prctl, .bits = ALL_BITS, .value = PR_CAPBSET_READ,
                                                 .action = FILTER_ERROR (EPERM) });
  else
    (void) SET_FILTER_WITH (FILTER_PRIVILEGED, { .call = SYS_capget, .action = FILTER_ERROR (EPERM) });
  check_error (ARGS (.flags = PIDFD_SPAWN_PDEATHSIG, .death_signal = SIGTERM), EOPNOTSUPP);
  start_with_death_signal (PIDFD_SPAWN_NO_NEW_PRIVS);
}

TEST (the_death_signal_of_a_root_whose_capabilities_are_unknown)
{
  need_gaining_root ();
  CHECK_EQ (in_fork (ask_for_a_signal_as_unknown_root, NULL), 0);
  CHECK_EQ (in_fork (ask_for_a_signal_as_unknown_root, &(bool){ true }), 0);
}

/* Nobody can mend that by closing one. */
TEST_LEAVING (a_cgroup_without_clone3_is_EOPNOTSUPP_without_a_descriptor_too)
{
  need_users ();
  refuse_call (SYS_clone3, ENOSYS);
  struct pidfd_spawn_args args = *ARGS (TO_USER, .cgroup = STDIN_FILENO);
  args.flags |= PIDFD_SPAWN_CGROUP;
  rlim_t limit = limit_descriptors (0);
  int pidfd = -1, error = spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), &args);
  limit_descriptors (limit);
  CHECK_EQ (error, EOPNOTSUPP);
  CHECK_NO_CHILD ();
}

static void
start_the_first_in_a_namespace (void *unused)
{
  (void) unused;
  if (unshare (CLONE_NEWPID) != 0)
    SKIP ("no PID namespace can be made: %s", strerror (errno));
  char *argv[] = { (char *) "sh", (char *) "-c", (char *) "test $$ = 1", NULL };
  int pidfd;
  CHECK_EQ (spawn_ext (&pidfd, "/bin/sh", NULL, NULL, argv, ARGS (TO_USER)), 0);
  CHECK_EXIT (pidfd, 0);
}

static void
start_without_sharing (void *error)
{
  if (error)
    {
      refuse_call (SYS_clone3, *(int *) error);
      SET_FILTER ({ .call = SYS_clone, .argument = CLONE_ARGUMENT, .bits = CLONE_VM, .value = CLONE_VM,
                    .action = FILTER_ERROR (EINVAL) });
    }
  else if (unshare (0x80 /* CLONE_NEWTIME */) != 0)
    SKIP ("no time namespace can be made: %s", strerror (errno));
  int pidfd;
  CHECK_EQ (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), ARGS (TO_USER)), 0);
  CHECK_EXIT (pidfd, 0);
  CHECK_ERROR (spawn_ext (&pidfd, "/nonexistent/program", NULL, NULL, sleep_argv (), ARGS (TO_USER)), ENOENT);
  CHECK_NO_CHILD ();
  CHECK_EQ (dumpable (), 1);
}

/* Before Linux 6.2 those of a caller that left its time namespace. */
TEST (children_that_may_not_share_the_memory_get_a_copy)
{
  need_users ();
  CHECK_EQ (in_fork (start_without_sharing, &(int){ EINVAL }), 0);
  CHECK_EQ (in_fork (start_without_sharing, &(int){ ENOSYS }), 0);
}

TEST (children_in_another_time_namespace)
{
  need_users ();
  CHECK_EQ (in_fork (start_without_sharing, NULL), 0);
}

/* Procfs does not tell either that it will be the first. */
static void
start_the_first_without_clone3 (void *unused)
{
  refuse_call (SYS_clone3, ENOSYS);
  refuse_call (SYS_readlinkat, EPERM);
  start_the_first_in_a_namespace (unused);
}

/* No other child was made before, with whose end the namespace would have ended. */
TEST (the_first_process_of_a_new_namespace_is_the_program)
{
  need_users ();
  CHECK_EQ (in_fork (start_the_first_in_a_namespace, NULL), 0);
  CHECK_EQ (in_fork (start_the_first_without_clone3, NULL), 0);
}
