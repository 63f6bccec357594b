/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Spawn attributes: what each flag does, alone and together with the others, what happens without it, and how an
 * attribute that cannot be applied fails the call.  The child is a sleeping program of the system, looked at through
 * /proc; so nothing of the test's own start-up code can hide or repair what the call did. */

#include "runner.h"

#define BIT(signal_) (1ULL << ((signal_) - 1))
/* Of those that can be shown; mips has more. */
#define LAST_SIGNAL 64
/* The kernel never blocks these. */
#define UNBLOCKABLE (BIT (SIGKILL) | BIT (SIGSTOP))

enum { NOBODY = 65534 };

static char *const sleep_argv[] = { (char *) "sleep", (char *) "1000", NULL };
static const char sleep_path[] = "/bin/sleep";

static void
kill_and_reap (int pidfd)
{
  CHECK (sys_pidfd_send_signal (pidfd, SIGKILL, NULL, 0) == 0);
  CHECK_KILLED (pidfd, SIGKILL);
}

/* What a child with these attributes is like right after its exec. */
static struct process_state
spawned_by (spawn_call *call, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes)
{
  int pidfd = -1;
  CHECK_EQ (call (&pidfd, sleep_path, actions, attributes, sleep_argv, environ), 0);
  struct process_state state = state_of (pid_of (pidfd));
  kill_and_reap (pidfd);
  return state;
}

static struct process_state
spawned (const posix_spawnattr_t *attributes)
{
  return spawned_by (SPAWN, NULL, attributes);
}

/* The attributes must fail both calls with this error, and no child may be left. */
static void
check_refused_at (int line, const posix_spawnattr_t *attributes, int error)
{
  for (int i = 0; i < 2; i++)
    {
      int pidfd = -7;
      int result = both_calls[i](&pidfd, sleep_path, NULL, attributes, sleep_argv, environ);
      if (result == 0)
        kill_and_reap (pidfd);
      if (result != error)
        test_fail (__FILE__, line, "%s gives %d (%s), wanted %d (%s)", i ? "spawnp" : "spawn", result,
                   strerror (result), error, strerror (error));
      if (pidfd != -7)
        test_fail (__FILE__, line, "the failed call changed the descriptor to %d", pidfd);
      check_no_child_at (__FILE__, line);
    }
}
#define CHECK_REFUSED(attributes, error) check_refused_at (__LINE__, attributes, error)

static posix_spawnattr_t
attributes_with (int flags)
{
  posix_spawnattr_t attributes;
  CHECK_EQ (posix_spawnattr_init (&attributes), 0);
  CHECK_EQ (posix_spawnattr_setflags (&attributes, (short) flags), 0);
  return attributes;
}

/* The caller's mask by the raw call, which knows the signals that the libc keeps for itself too. */
static uint64_t
set_mask (uint64_t mask)
{
  uint64_t old;
  CHECK (sys_sigprocmask (SIG_SETMASK, &mask, &old) == 0);
  return old;
}

static uint64_t
mask_of (const sigset_t *set)
{
  uint64_t mask = 0;
  for (int signal = 1; signal <= 64; signal++)
    mask |= sigismember (set, signal) == 1 ? BIT (signal) : 0;
  return mask;
}

/* ---- Signal mask ---- */

TEST (mask_of_the_caller_without_a_flag)
{
  posix_spawnattr_t attributes = attributes_with (0);
  static const uint64_t masks[] = { 0, BIT (SIGUSR1),
                                    BIT (SIGUSR1) | BIT (SIGTERM) | BIT (SIGCHLD) | BIT (33) | BIT (40) | BIT (64),
                                    ~UNBLOCKABLE };
  for (size_t i = 0; i < sizeof masks / sizeof *masks; i++)
    for (int call = 0; call < 2; call++)
      {
        uint64_t old = set_mask (masks[i]);
        struct process_state with_null = spawned_by (both_calls[call], NULL, NULL);
        struct process_state with_object = spawned_by (both_calls[call], NULL, &attributes);
        uint64_t after = set_mask (old);
        CHECK_EQ (with_null.blocked, masks[i]);
        CHECK_EQ (with_object.blocked, masks[i]);
        CHECK_EQ (after, masks[i]);
      }
  posix_spawnattr_destroy (&attributes);
}

/* An implementation that blocks everything while it works must put the mask back in the child as well. */
TEST (mask_of_the_caller_after_file_actions)
{
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_adddup2 (&actions, STDERR_FILENO, STDOUT_FILENO);
  posix_spawn_file_actions_addopen (&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  uint64_t old = set_mask (0);
  uint64_t none = spawned_by (SPAWN, &actions, NULL).blocked;
  set_mask (BIT (SIGINT) | BIT (LAST_SIGNAL));
  uint64_t some = spawned_by (SPAWN, &actions, NULL).blocked;
  set_mask (old);
  CHECK_EQ (none, 0);
  CHECK_EQ (some, BIT (SIGINT) | BIT (LAST_SIGNAL));
  posix_spawn_file_actions_destroy (&actions);
}

TEST (mask_of_the_caller_with_another_flag)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETPGROUP);
  uint64_t old = set_mask (BIT (SIGHUP) | BIT (SIGUSR2));
  uint64_t blocked = spawned (&attributes).blocked;
  set_mask (0);
  uint64_t unblocked = spawned (&attributes).blocked;
  set_mask (old);
  CHECK_EQ (blocked, BIT (SIGHUP) | BIT (SIGUSR2));
  CHECK_EQ (unblocked, 0);
  posix_spawnattr_destroy (&attributes);
}

TEST (setsigmask)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSIGMASK);
  sigset_t set = SIGNALS (SIGUSR1, SIGALRM, LAST_SIGNAL);
  posix_spawnattr_setsigmask (&attributes, &set);
  static const uint64_t callers[] = { 0, BIT (SIGUSR2), BIT (SIGUSR1) | BIT (SIGUSR2), ~0ULL };
  for (size_t i = 0; i < sizeof callers / sizeof *callers; i++)
    for (int call = 0; call < 2; call++)
      {
        uint64_t old = set_mask (callers[i]);
        uint64_t blocked = spawned_by (both_calls[call], NULL, &attributes).blocked;
        uint64_t after = set_mask (old);
        CHECK_EQ (blocked, BIT (SIGUSR1) | BIT (SIGALRM) | BIT (LAST_SIGNAL));
        CHECK_EQ (after, callers[i] & ~UNBLOCKABLE);
      }
  posix_spawnattr_destroy (&attributes);
}

TEST (setsigmask_empty_and_full)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSIGMASK);
  sigset_t set;
  sigemptyset (&set);
  posix_spawnattr_setsigmask (&attributes, &set);
  uint64_t old = set_mask (~0ULL);
  uint64_t empty = spawned (&attributes).blocked;
  set_mask (old);
  CHECK_EQ (empty, 0);

  sigfillset (&set);
  posix_spawnattr_setsigmask (&attributes, &set);
  old = set_mask (0);
  uint64_t full = spawned (&attributes).blocked;
  set_mask (old);
  CHECK_EQ (full, mask_of (&set) & ~UNBLOCKABLE);
  posix_spawnattr_destroy (&attributes);
}

/* The mask is the last thing to be set: it must hold whatever the file actions needed. */
TEST (setsigmask_with_file_actions)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSIGMASK);
  sigset_t set = SIGNALS (SIGTTOU);
  posix_spawnattr_setsigmask (&attributes, &set);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_addclose (&actions, 700);
  CHECK_EQ (spawned_by (SPAWN, &actions, &attributes).blocked, BIT (SIGTTOU));
  posix_spawn_file_actions_destroy (&actions);
  posix_spawnattr_destroy (&attributes);
}

/* ---- Dispositions ---- */

TEST (setsigdef_on_ignored_signals)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSIGDEF);
  sigset_t set = SIGNALS (SIGUSR1, SIGPIPE, LAST_SIGNAL);
  posix_spawnattr_setsigdefault (&attributes, &set);
  signal (SIGUSR1, SIG_IGN);
  signal (SIGUSR2, SIG_IGN);
  signal (SIGPIPE, SIG_IGN);
  signal (SIGHUP, SIG_IGN);
  signal (LAST_SIGNAL, SIG_IGN);
  signal (LAST_SIGNAL - 1, SIG_IGN);
  uint64_t before = state_of (getpid ()).ignored;
  for (int call = 0; call < 2; call++)
    CHECK_EQ (spawned_by (both_calls[call], NULL, &attributes).ignored,
              before & ~(BIT (SIGUSR1) | BIT (SIGPIPE) | BIT (LAST_SIGNAL)));
  CHECK_EQ (state_of (getpid ()).ignored, before);
  posix_spawnattr_destroy (&attributes);
}

TEST (setsigdef_full)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSIGDEF);
  sigset_t set;
  sigfillset (&set);
  posix_spawnattr_setsigdefault (&attributes, &set);
  for (int i = 1; i <= 64; i++)
    if (i != SIGCHLD)
      signal (i, SIG_IGN);
  uint64_t before = state_of (getpid ()).ignored;
  CHECK (before & BIT (SIGUSR1));
  CHECK_EQ (spawned (&attributes).ignored, before & ~mask_of (&set));
  CHECK_EQ (state_of (getpid ()).ignored, before);
  posix_spawnattr_destroy (&attributes);
}

TEST (setsigdef_empty)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSIGDEF);
  signal (SIGUSR1, SIG_IGN);
  uint64_t before = state_of (getpid ()).ignored;
  CHECK_EQ (spawned (&attributes).ignored, before);
  posix_spawnattr_destroy (&attributes);
}

#if HAVE_LIBRARY
/* The set may name the signals that the libc keeps for itself; only the raw object can say so. */
TEST (setsigdef_on_the_signals_of_the_libc)
{
# if defined __GLIBC__
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSIGDEF);
  /* As machine words, the lowest signals first. */
  enum { BITS = 8 * sizeof (long) };
  unsigned long set[64 / BITS];
  for (int i = 0; i < 64 / BITS; i++)
    set[i] = (unsigned long) ((BIT (32) | BIT (34)) >> i * BITS);
  memcpy ((char *) &attributes + 8, set, sizeof set);
  for (int signal = 32; signal <= 34; signal++)
    {
      struct kernel_action action = { { [HANDLER] = (unsigned long) SIG_IGN } };
      CHECK (sys_sigaction (signal, &action, NULL) == 0);
    }
  uint64_t ignored = spawned (&attributes).ignored;
  CHECK_EQ (ignored & (BIT (32) | BIT (33) | BIT (34)), BIT (33));
  posix_spawnattr_destroy (&attributes);
# else
  SKIP ("the layout of the attributes is known for glibc only");
# endif
}
#endif

/* ---- Process group and session ---- */

TEST (group_and_session_of_the_caller_without_flags)
{
  posix_spawnattr_t attributes = attributes_with (0);
  struct process_state state = spawned (&attributes);
  CHECK_EQ (state.group, getpgrp ());
  CHECK_EQ (state.session, getsid (0));
  posix_spawnattr_destroy (&attributes);
}

TEST (setpgroup_of_its_own)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETPGROUP);
  CHECK_EQ (posix_spawnattr_setpgroup (&attributes, 0), 0);
  for (int call = 0; call < 2; call++)
    {
      struct process_state state = spawned_by (both_calls[call], NULL, &attributes);
      CHECK_EQ (state.group, state.pid);
      CHECK_EQ (state.session, getsid (0));
    }
  posix_spawnattr_destroy (&attributes);
}

TEST (setpgroup_of_a_sibling)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETPGROUP);
  int leader = -1;
  CHECK_EQ (SPAWN (&leader, sleep_path, NULL, &attributes, sleep_argv, environ), 0);
  pid_t group = pid_of (leader);
  CHECK_EQ (posix_spawnattr_setpgroup (&attributes, group), 0);
  CHECK_EQ (spawned (&attributes).group, group);
  kill_and_reap (leader);
  posix_spawnattr_destroy (&attributes);
}

TEST (setpgroup_of_the_caller)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETPGROUP);
  CHECK_EQ (posix_spawnattr_setpgroup (&attributes, getpgrp ()), 0);
  CHECK_EQ (spawned (&attributes).group, getpgrp ());
  posix_spawnattr_destroy (&attributes);
}

TEST (setpgroup_of_a_group_that_does_not_exist)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETPGROUP);
  int gone = -1;
  CHECK_EQ (SPAWN (&gone, sleep_path, NULL, &attributes, sleep_argv, environ), 0);
  CHECK_EQ (posix_spawnattr_setpgroup (&attributes, pid_of (gone)), 0);
  kill_and_reap (gone);
  CHECK_REFUSED (&attributes, EPERM);
  posix_spawnattr_destroy (&attributes);
}

TEST (setpgroup_of_a_foreign_session)
{
#ifdef POSIX_SPAWN_SETSID
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSID);
  int foreign = -1;
  CHECK_EQ (SPAWN (&foreign, sleep_path, NULL, &attributes, sleep_argv, environ), 0);
  posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup (&attributes, pid_of (foreign));
  int pidfd = -7;
  int error = SPAWN (&pidfd, sleep_path, NULL, &attributes, sleep_argv, environ);
  kill_and_reap (foreign);
  CHECK_EQ (error, EPERM);
  CHECK_EQ (pidfd, -7);
  posix_spawnattr_destroy (&attributes);
#else
  SKIP ("the libc has no POSIX_SPAWN_SETSID");
#endif
}

TEST (setpgroup_negative)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup (&attributes, -5);
  CHECK_REFUSED (&attributes, EINVAL);
  posix_spawnattr_destroy (&attributes);
}

#ifdef POSIX_SPAWN_SETSID
TEST (setsid)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSID);
  for (int call = 0; call < 2; call++)
    {
      struct process_state state = spawned_by (both_calls[call], NULL, &attributes);
      CHECK_EQ (state.session, state.pid);
      CHECK_EQ (state.group, state.pid);
    }
  posix_spawnattr_destroy (&attributes);
}

/* The session comes first: its leader cannot go to any group then, not even to one it could have joined before. */
TEST (setsid_comes_before_setpgroup)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSID | POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup (&attributes, getpgrp ());
  CHECK_REFUSED (&attributes, EPERM);
  posix_spawnattr_setpgroup (&attributes, 0);
  CHECK_REFUSED (&attributes, EPERM);
  posix_spawnattr_destroy (&attributes);
}
#endif

/* ---- Real and effective IDs ---- */

/* Real root, effective somebody else. */
static void
lower_effective_ids (void)
{
  need_root ();
  CHECK (setegid (NOBODY) == 0);
  CHECK (seteuid (NOBODY) == 0);
}

TEST_LEAVING (effective_ids_stay_without_resetids)
{
  lower_effective_ids ();
  posix_spawnattr_t attributes = attributes_with (0);
  for (int call = 0; call < 2; call++)
    {
      struct process_state state = spawned_by (both_calls[call], NULL, &attributes);
      CHECK_EQ (state.uid, 0);
      CHECK_EQ (state.euid, NOBODY);
      CHECK_EQ (state.gid, 0);
      CHECK_EQ (state.egid, NOBODY);
    }
}

TEST_LEAVING (resetids)
{
  lower_effective_ids ();
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_RESETIDS);
  for (int call = 0; call < 2; call++)
    {
      struct process_state state = spawned_by (both_calls[call], NULL, &attributes);
      CHECK_EQ (state.uid, 0);
      CHECK_EQ (state.euid, 0);
      CHECK_EQ (state.gid, 0);
      CHECK_EQ (state.egid, 0);
    }
  /* The child shares the caller's memory, not its credentials. */
  CHECK_EQ (geteuid (), NOBODY);
  CHECK_EQ (getegid (), NOBODY);
}

/* A set-user-ID program: effective root, real somebody else. */
TEST_LEAVING (resetids_drops_privileges)
{
  need_root ();
  CHECK (setresgid (NOBODY, 0, 0) == 0);
  CHECK (setresuid (NOBODY, 0, 0) == 0);
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_RESETIDS);
  struct process_state state = spawned (&attributes);
  CHECK_EQ (state.uid, NOBODY);
  CHECK_EQ (state.euid, NOBODY);
  CHECK_EQ (state.gid, NOBODY);
  CHECK_EQ (state.egid, NOBODY);
  CHECK_EQ (geteuid (), 0);
  CHECK_EQ (getegid (), 0);
}

/* Numbers that look like errors of a system call where a register has 32 bits. */
TEST_LEAVING (resetids_to_the_highest_ids)
{
  enum { HIGHEST = 0xFFFFFFFE };
  need_root ();
  if (setresgid (HIGHEST, 0, 0) != 0 || setresuid (HIGHEST, 0, 0) != 0)
    SKIP ("the user namespace has no such IDs");
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_RESETIDS);
  for (int call = 0; call < 2; call++)
    {
      struct process_state state = spawned_by (both_calls[call], NULL, &attributes);
      CHECK_EQ (state.uid, HIGHEST);
      CHECK_EQ (state.euid, HIGHEST);
      CHECK_EQ (state.gid, HIGHEST);
      CHECK_EQ (state.egid, HIGHEST);
    }
}

/* File actions run with the IDs that the flag has set. */
TEST_LEAVING (resetids_comes_before_the_file_actions)
{
  need_root ();
  const char *secret = test_path ("secret");
  write_file (secret, "secret", 0600);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_addopen (&actions, STDIN_FILENO, secret, O_RDONLY, 0);
  posix_spawnattr_t reset = attributes_with (POSIX_SPAWN_RESETIDS);
  int pidfd = -7;

  CHECK (setresuid (0, NOBODY, 0) == 0);
  CHECK_EQ (SPAWN (&pidfd, sleep_path, &actions, NULL, sleep_argv, environ), EACCES);
  CHECK_EQ (spawned_by (SPAWN, &actions, &reset).euid, 0);

  CHECK (setresuid (NOBODY, 0, 0) == 0);
  CHECK_EQ (SPAWN (&pidfd, sleep_path, &actions, &reset, sleep_argv, environ), EACCES);
  CHECK_EQ (pidfd, -7);
  CHECK_EQ (spawned_by (SPAWN, &actions, NULL).euid, 0);
}

/* ---- Scheduling ---- */

/* Makes the caller a real-time process, or skips. */
static void
become (int policy, int priority)
{
  struct sched_param param = { .sched_priority = priority };
  /* The system call: musl's function is a stub. */
  if (syscall (SYS_sched_setscheduler, 0, policy, &param) != 0)
    SKIP ("no real-time scheduling: %s", strerror (errno));
}

/* Some libcs leave the option out. */
static void
set_scheduler (posix_spawnattr_t *attributes, int policy, int priority)
{
  struct sched_param param = { .sched_priority = priority };
  if (posix_spawnattr_setschedpolicy (attributes, policy) == ENOSYS
      || posix_spawnattr_setschedparam (attributes, &param) == ENOSYS)
    SKIP ("the libc has no scheduling attributes");
}

/* What a real-time caller's child gets, of the object or of the caller. */
static struct process_state
spawned_by_a_real_time_process (int flags, int policy, int priority)
{
  posix_spawnattr_t attributes = attributes_with (flags);
  set_scheduler (&attributes, policy, priority);
  become (SCHED_RR, 5);
  return spawned (&attributes);
}

TEST_LEAVING (scheduling_of_the_caller_without_flags)
{
  struct process_state state = spawned_by_a_real_time_process (0, SCHED_FIFO, 9);
  CHECK_EQ (state.policy, SCHED_RR);
  CHECK_EQ (state.priority, 5);
}

TEST_LEAVING (setschedparam)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSCHEDPARAM);
  /* The policy of the object does not count: this flag is about the priority alone. */
  set_scheduler (&attributes, SCHED_FIFO, 7);
  become (SCHED_RR, 5);
  for (int call = 0; call < 2; call++)
    {
      struct process_state state = spawned_by (both_calls[call], NULL, &attributes);
      CHECK_EQ (state.policy, SCHED_RR);
      CHECK_EQ (state.priority, 7);
    }
  CHECK_EQ (state_of (getpid ()).priority, 5);
}

TEST (setschedparam_that_is_no_priority)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSCHEDPARAM);
  set_scheduler (&attributes, SCHED_OTHER, 5);
  CHECK_REFUSED (&attributes, EINVAL);
  posix_spawnattr_destroy (&attributes);
}

/* The caller itself stays an ordinary process, after having tried what it may do. */
static void
need_scheduler (int policy)
{
  struct sched_param none = { .sched_priority = 0 };
  become (policy, 3);
  CHECK (syscall (SYS_sched_setscheduler, 0, SCHED_OTHER, &none) == 0);
}

static void
check_scheduler_at (int line, int flags, int policy)
{
  need_scheduler (policy);
  posix_spawnattr_t attributes = attributes_with (flags);
  set_scheduler (&attributes, policy, 3);
  for (int call = 0; call < 2; call++)
    {
      struct process_state state = spawned_by (both_calls[call], NULL, &attributes);
      if (state.policy != policy || state.priority != 3)
        test_fail (__FILE__, line, "policy %d, priority %d; wanted policy %d, priority 3", state.policy,
                   state.priority, policy);
    }
  CHECK_EQ (state_of (getpid ()).policy, SCHED_OTHER);
  posix_spawnattr_destroy (&attributes);
}
#define CHECK_SCHEDULER(flags, policy) check_scheduler_at (__LINE__, flags, policy)

TEST (setscheduler_fifo)
{
  CHECK_SCHEDULER (POSIX_SPAWN_SETSCHEDULER, SCHED_FIFO);
}

TEST (setscheduler_rr)
{
  CHECK_SCHEDULER (POSIX_SPAWN_SETSCHEDULER, SCHED_RR);
}

TEST (setscheduler_with_setschedparam)
{
  CHECK_SCHEDULER (POSIX_SPAWN_SETSCHEDULER | POSIX_SPAWN_SETSCHEDPARAM, SCHED_FIFO);
}

TEST_LEAVING (setscheduler_back_to_the_ordinary_policy)
{
  struct process_state state = spawned_by_a_real_time_process (POSIX_SPAWN_SETSCHEDULER, SCHED_OTHER, 0);
  CHECK_EQ (state.policy, SCHED_OTHER);
  CHECK_EQ (state.priority, 0);
}

/* Policies of Linux alone: not every libc's setter takes them, the call must. */
TEST (setscheduler_batch)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSCHEDULER);
  set_scheduler (&attributes, SCHED_OTHER, 0);
#if defined __GLIBC__
  int policy = SCHED_BATCH;
  memcpy ((char *) &attributes + 268, &policy, sizeof policy);
  int read_back;
  CHECK_EQ (posix_spawnattr_getschedpolicy (&attributes, &read_back), 0);
  CHECK_EQ (read_back, SCHED_BATCH);
#else
  if (posix_spawnattr_setschedpolicy (&attributes, SCHED_BATCH) != 0)
    SKIP ("the libc's setter knows no SCHED_BATCH");
#endif
  CHECK_EQ (spawned (&attributes).policy, SCHED_BATCH);
  posix_spawnattr_destroy (&attributes);
}

TEST (setscheduler_with_a_priority_out_of_range)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSCHEDULER);
  set_scheduler (&attributes, SCHED_RR, 0);
  CHECK_REFUSED (&attributes, EINVAL);
  set_scheduler (&attributes, SCHED_RR, 1000);
  CHECK_REFUSED (&attributes, EINVAL);
  set_scheduler (&attributes, SCHED_OTHER, 1);
  CHECK_REFUSED (&attributes, EINVAL);
  posix_spawnattr_destroy (&attributes);
}

TEST_LEAVING (setscheduler_without_permission)
{
  need_root ();
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSCHEDULER);
  set_scheduler (&attributes, SCHED_RR, 3);
  struct rlimit none = { 0, 0 };
  CHECK (setrlimit (RLIMIT_RTPRIO, &none) == 0);
  CHECK (setresuid (NOBODY, NOBODY, NOBODY) == 0);
  CHECK_REFUSED (&attributes, EPERM);
}

/* The scheduling comes while the privileges of a set-user-ID program still hold. */
TEST_LEAVING (scheduling_comes_before_resetids)
{
  need_root ();
  need_scheduler (SCHED_RR);
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSCHEDULER | POSIX_SPAWN_RESETIDS);
  set_scheduler (&attributes, SCHED_RR, 3);
  struct rlimit none = { 0, 0 };
  CHECK (setrlimit (RLIMIT_RTPRIO, &none) == 0);
  CHECK (setresuid (NOBODY, 0, 0) == 0);
  struct process_state state = spawned (&attributes);
  CHECK_EQ (state.policy, SCHED_RR);
  CHECK_EQ (state.priority, 3);
  CHECK_EQ (state.euid, NOBODY);
}

/* ---- All together ---- */

/* Nor with the flag of another value, which has the child look at all of them. */
TEST (values_without_their_flags_do_not_count)
{
  static const short flags[] = { 0, POSIX_SPAWN_RESETIDS, POSIX_SPAWN_SETSIGDEF, POSIX_SPAWN_SETSIGMASK };
  signal (SIGUSR1, SIG_IGN);
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
    {
      /* In a user namespace without the ID nobody can have it. */
      if (flags[i] == POSIX_SPAWN_RESETIDS && setresuid ((uid_t) -1, getuid (), (uid_t) -1) != 0)
        continue;
      posix_spawnattr_t attributes = attributes_with (flags[i]);
      sigset_t set;
      sigfillset (&set);
      posix_spawnattr_setsigdefault (&attributes, &set);
      sigdelset (&set, SIGTERM);
      posix_spawnattr_setsigmask (&attributes, &set);
      posix_spawnattr_setpgroup (&attributes, 1);
      struct sched_param param = { .sched_priority = 1000 };
      posix_spawnattr_setschedparam (&attributes, &param);
      posix_spawnattr_setschedpolicy (&attributes, SCHED_FIFO);
      struct process_state state = spawned (&attributes), own = state_of (getpid ());
      if (flags[i] == POSIX_SPAWN_SETSIGMASK)
        CHECK (state.blocked & BIT (SIGUSR2));
      else
        CHECK_EQ (state.blocked, own.blocked);
      if (flags[i] != POSIX_SPAWN_SETSIGDEF)
        CHECK_EQ (state.ignored, own.ignored);
      CHECK_EQ (!(state.ignored & BIT (SIGUSR1)), flags[i] == POSIX_SPAWN_SETSIGDEF);
      CHECK_EQ (state.group, own.group);
      CHECK_EQ (state.policy, own.policy);
      posix_spawnattr_destroy (&attributes);
    }
}

#if defined POSIX_SPAWN_USEVFORK && defined POSIX_SPAWN_SETSID

TEST (usevfork_changes_nothing)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_USEVFORK);
  signal (SIGUSR1, SIG_IGN);
  uint64_t old = set_mask (BIT (SIGUSR2));
  struct process_state state = spawned (&attributes), own = state_of (getpid ());
  set_mask (old);
  CHECK_EQ (state.blocked, BIT (SIGUSR2));
  CHECK_EQ (state.ignored, own.ignored);
  CHECK_EQ (state.group, own.group);
  CHECK_EQ (state.session, own.session);
  CHECK_EQ (state.policy, own.policy);
  int pidfd = -7;
  CHECK_EQ (SPAWN (&pidfd, test_path ("none"), NULL, &attributes, sleep_argv, environ), ENOENT);
  CHECK_EQ (pidfd, -7);
  posix_spawnattr_destroy (&attributes);
}

/* Every combination of the flags, in a caller for which each of them makes a difference. */
TEST_LEAVING (every_combination)
{
  need_root ();
  static const int flags[] = { POSIX_SPAWN_RESETIDS,      POSIX_SPAWN_SETPGROUP,     POSIX_SPAWN_SETSIGDEF,
                               POSIX_SPAWN_SETSIGMASK,    POSIX_SPAWN_SETSCHEDPARAM, POSIX_SPAWN_SETSCHEDULER,
                               POSIX_SPAWN_USEVFORK,      POSIX_SPAWN_SETSID };
  posix_spawnattr_t attributes = attributes_with (0);
  set_scheduler (&attributes, SCHED_FIFO, 7);
  sigset_t set = SIGNALS (SIGUSR1);
  posix_spawnattr_setsigdefault (&attributes, &set);
  sigaddset (&set, SIGHUP);
  posix_spawnattr_setsigmask (&attributes, &set);
  posix_spawnattr_setpgroup (&attributes, 0);

  become (SCHED_RR, 5);
  signal (SIGUSR1, SIG_IGN);
  signal (SIGUSR2, SIG_IGN);
  set_mask (BIT (SIGTERM));
  CHECK (setresgid (NOBODY, 0, 0) == 0);
  CHECK (setresuid (NOBODY, 0, 0) == 0);
  struct process_state own = state_of (getpid ());
  /* An older libc has handlers of its own. */
  own.caught = 0;

  for (int choice = 0; choice < 256; choice++)
    {
      int chosen = 0;
      for (int i = 0; i < 8; i++)
        chosen |= choice >> i & 1 ? flags[i] : 0;
      CHECK_EQ (posix_spawnattr_setflags (&attributes, (short) chosen), 0);
      bool session = chosen & POSIX_SPAWN_SETSID, group = chosen & POSIX_SPAWN_SETPGROUP;
      if (session && group)
        {
          CHECK_REFUSED (&attributes, EPERM);
          continue;
        }
      struct process_state state = spawned (&attributes), wanted = own;
      wanted.pid = state.pid;
      if (session)
        wanted.session = state.pid;
      if (session || group)
        wanted.group = state.pid;
      if (chosen & POSIX_SPAWN_RESETIDS)
        wanted.euid = wanted.egid = NOBODY;
      if (chosen & POSIX_SPAWN_SETSIGDEF)
        wanted.ignored &= ~BIT (SIGUSR1);
      if (chosen & POSIX_SPAWN_SETSIGMASK)
        wanted.blocked = BIT (SIGUSR1) | BIT (SIGHUP);
      if (chosen & (POSIX_SPAWN_SETSCHEDPARAM | POSIX_SPAWN_SETSCHEDULER))
        wanted.priority = 7;
      if (chosen & POSIX_SPAWN_SETSCHEDULER)
        wanted.policy = SCHED_FIFO;
      if (memcmp (&state, &wanted, sizeof state) != 0)
        FAIL ("flags %#x: group %d (pid %d), session %d, euid %d, egid %d, policy %d, priority %d, blocked %llx, "
              "ignored %llx", chosen, state.group, state.pid, state.session, (int) state.euid, (int) state.egid,
              state.policy, state.priority, (unsigned long long) state.blocked, (unsigned long long) state.ignored);
    }
}

#endif

/* An attribute that fails is reported before anything that comes after it. */
TEST (attributes_fail_before_the_file_actions)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup (&attributes, -5);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  const char *trace = test_path ("trace");
  posix_spawn_file_actions_addopen (&actions, 9, trace, O_WRONLY | O_CREAT, 0600);
  posix_spawn_file_actions_adddup2 (&actions, 700, 9);
  int pidfd = -7;
  CHECK_EQ (SPAWN (&pidfd, test_path ("none"), &actions, &attributes, sleep_argv, environ), EINVAL);
  CHECK_EQ (pidfd, -7);
  CHECK (access (trace, F_OK) == -1);
  posix_spawn_file_actions_destroy (&actions);
  posix_spawnattr_destroy (&attributes);
}

#if HAVE_LIBRARY
/* posix_spawn ignores such bits; a caller of the new interface must learn that its wish was not granted. */
TEST (unknown_flags_are_refused)
{
# if defined __GLIBC__
  posix_spawnattr_t attributes = attributes_with (0);
  for (int bit = 9; bit < 16; bit++)
    for (int with = 0; with < 2; with++)
      {
        unsigned short flags = (unsigned short) (1u << bit);
        if (with)
          flags |= POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP;
        memcpy (&attributes, &flags, sizeof flags);
        CHECK_REFUSED (&attributes, EINVAL);
      }
# else
  SKIP ("the layout of the attributes is known for glibc only");
# endif
}
#endif
