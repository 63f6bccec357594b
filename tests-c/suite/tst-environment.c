/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Every function once, in the surroundings that the program was started in and in some that it makes itself.  A call
 * gives what is expected there, and in any case nothing is left: no child, no descriptor, no mapping, no changed mask.
 *
 * Success is expected, unless the environment variable EXPECT names an error for a call, as in
 *
 *   EXPECT="fork=ENOSYS asyncsafe=ENOSYS" tst-environment as_started
 *
 * "mappings=any" says that the surroundings map memory themselves. */

#include "extension.h"
#include "users.h"

#if HAVE_LIBRARY

#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sysinfo.h>

CHILD (exit_with)
{
  return atoi (argv[0]);
}

/* What EXPECT says of the call, or the usual. */
static int
expected (const char *call, const char *list, int usual)
{
  static const struct error {
    const char *name;
    int number;
  } errors[] = {
    { "ENOSYS", ENOSYS }, { "EPERM", EPERM },   { "EINVAL", EINVAL }, { "EAGAIN", EAGAIN },
    { "ENOMEM", ENOMEM },
    { "ENOENT", ENOENT }, { "EMFILE", EMFILE }, { "EACCES", EACCES }, { "EOPNOTSUPP", EOPNOTSUPP }, { "0", 0 },
  };
  char *name = format (" %s=", call), *padded = format (" %s", list ? list : ""), *found = strstr (padded, name);
  int result = usual;
  if (found)
    {
      const char *value = found + strlen (name);
      const struct error *error = errors;
      while (strncmp (value, error->name, strlen (error->name)) != 0)
        if (++error == errors + sizeof errors / sizeof *errors)
          FAIL ("EXPECT: %s", value);
      result = error->number;
    }
  free (name);
  free (padded);
  return result;
}

/* How many mappings the process has; 0 where /proc does not say. */
static int
mappings (void)
{
  static struct mappings now;
  return read_mappings (&now) ? (int) now.count : 0;
}

static void
check_spawn (spawn_call *call, const char *file, const posix_spawn_file_actions_t *actions,
             const posix_spawnattr_t *attributes, int error)
{
  int pidfd = UNTOUCHED;
  char *argv[] = { (char *) self_path, (char *) "--child", (char *) "exit_with", (char *) "4", NULL };
  CHECK_EQ (call (&pidfd, file, actions, attributes, argv, environ), error);
  if (error == 0)
    CHECK_EXIT (pidfd, 4);
  else
    CHECK_EQ (pidfd, UNTOUCHED);
}

static void
check_fork (unsigned int flags, int error)
{
  int pidfd = pidfd_fork (flags);
  int got = pidfd < 0 ? errno : 0;
  if (pidfd == 0)
    _exit (5);
  CHECK_EQ (got, error);
  if (error == 0)
    CHECK_EXIT (pidfd, 5);
}

/* All at once that needs no privileges. */
static void
check_ext (const char *file, uint64_t more, int error)
{
  sigset_t ignored = SIGNALS (SIGUSR2);
  const struct pidfd_spawn_rlimit none = { .resource = RLIMIT_CORE };
  int inherited = open ("/", O_RDONLY | O_CLOEXEC), program = open (self_path, O_PATH | O_CLOEXEC);
  const bool is_free = inherited >= 0 && program >= 0;
  int pidfd = UNTOUCHED, dumpable = prctl (PR_GET_DUMPABLE, 0, 0, 0, 0);
  char *argv[] = { (char *) self_path, (char *) "--child", (char *) "exit_with", (char *) "4", NULL };
  const struct pidfd_spawn_args args = {
    .flags = PIDFD_SPAWN_CLOEXEC_FROM | PIDFD_SPAWN_SETRLIMITS | PIDFD_SPAWN_SETUMASK | PIDFD_SPAWN_SETSIGIGNORE
             | PIDFD_SPAWN_NO_NEW_PRIVS | PIDFD_SPAWN_PDEATHSIG | more,
    .exec_fd = program, .cloexec_from = 3, .inherit = &inherited, .inherit_count = is_free, .limits = &none,
    .limit_count = 1, .ignore = &ignored, .umask = 027, .death_signal = SIGKILL, .gid = getegid (), .uid = geteuid ()
  };
  if (is_free || !(more & PIDFD_SPAWN_EXEC_FD))
    {
      CHECK_EQ (spawn_ext (&pidfd, file, NULL, NULL, argv, &args), error);
      if (error == 0)
        CHECK_EXIT (pidfd, 4);
      else
        CHECK_EQ (pidfd, UNTOUCHED);
    }
  CHECK_EQ (prctl (PR_GET_DUMPABLE, 0, 0, 0, 0), dumpable);
  if (inherited >= 0)
    close (inherited);
  if (program >= 0)
    close (program);
}

/* On a child, and on one whose status was taken; whether the kernel tells that is not looked at. */
static void
check_wait (int error)
{
  for (int taken = 0; taken < 2; taken++)
    {
      pid_t pid = fork ();
      if (pid == 0)
        _exit (6);
      int pidfd = pid > 0 ? sys_pidfd_open (pid, 0) : -1;
      if (pid > 0 && (taken || pidfd < 0))
        CHECK_EQ (waitpid (pid, NULL, 0), pid);
      if (pidfd < 0)
        return;
      siginfo_t info = { .si_status = 0 };
      int got = pidfd_wait (pidfd, &info, 0, NULL) == 0 ? 0 : errno;
      if (!taken && got)
        CHECK_EQ (waitpid (pid, NULL, 0), pid);
      CHECK (close (pidfd) == 0);
      if (!taken)
        CHECK_EQ (got, error);
      else if (got)
        CHECK_EQ (got, error ? error : ECHILD);
      if (!got)
        CHECK_EQ (info.si_status, 6);
    }
}

/* In a user namespace that knows no IDs, not even one's own can be asked for. */
static int
error_of_own_ids (void)
{
  char byte;
  int map = open ("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
  bool is_empty = map >= 0 && read (map, &byte, 1) == 0;
  if (map >= 0)
    close (map);
  return is_empty ? EINVAL : 0;
}

/* Of ourselves. */
static void
check_getpid (int error)
{
  int own = sys_pidfd_open (getpid (), 0);
  if (own < 0)
    return;
  pid_t pid = pidfd_getpid (own);
  int got = pid < 0 ? errno : 0;
  CHECK (close (own) == 0);
  CHECK_EQ (got, error);
  if (error == 0)
    CHECK_EQ (pid, getpid ());
}

static void
check_all (const char *list)
{
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;
  sigset_t set = SIGNALS (SIGUSR1);
  posix_spawnattr_init (&attributes);
  posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setsigdefault (&attributes, &set);
  posix_spawnattr_setsigmask (&attributes, &set);
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_addclose (&actions, 99);
  posix_spawn_file_actions_addopen (&actions, 5, "/", O_RDONLY, 0);
  mappings ();

  const uint64_t before = mask_now ();
  int descriptors = open_descriptors (), mapped = mappings ();
  int spawn = expected ("spawn", list, 0);
  int spawnp = expected ("spawnp", list, spawn);
  check_spawn (SPAWN, self_path, NULL, NULL, spawn);
  check_spawn (SPAWNP, self_path, NULL, NULL, spawnp);
  check_spawn (SPAWN, self_path, &actions, &attributes, expected ("attributes", list, spawn));
  check_spawn (SPAWN, "/nonexistent/program", NULL, NULL, expected ("missing", list, spawn ? spawn : ENOENT));
  check_spawn (SPAWNP, "no-such-program", NULL, NULL, expected ("missing", list, spawnp ? spawnp : ENOENT));
  int forked = expected ("fork", list, 0);
  check_fork (0, forked);
  if (has_asyncsafe_fork ())
    check_fork (PIDFDFORK_ASYNCSAFE, expected ("asyncsafe", list, forked));
  check_getpid (expected ("getpid", list, 0));
  int ext = expected ("ext", list, spawn);
  check_ext (self_path, 0, ext);
  check_ext ("/nonexistent/program", 0, ext ? ext : ENOENT);
  check_ext (NULL, PIDFD_SPAWN_EXEC_FD, expected ("exec_fd", list, ext));
  int user = expected ("user", list, ext ? ext : error_of_own_ids ());
  check_ext (self_path, PIDFD_SPAWN_SETGID | PIDFD_SPAWN_SETUID, user);
  check_wait (expected ("wait", list, 0));
  CHECK_EQ (open_descriptors (), descriptors);
  if (!list || !strstr (list, "mappings=any"))
    CHECK_EQ (mappings (), mapped);
  CHECK_NO_CHILD ();
  CHECK_EQ (mask_now (), before);

  posix_spawn_file_actions_destroy (&actions);
  posix_spawnattr_destroy (&attributes);
}

TEST (as_started)
{
  unsetenv ("PATH");
  check_all (getenv ("EXPECT"));
}

static void *
check_in_thread (void *unused)
{
  check_all (getenv ("EXPECT"));
  return unused;
}

TEST (as_started_in_a_thread)
{
  unsetenv ("PATH");
  pthread_t thread;
  CHECK_EQ (pthread_create (&thread, NULL, check_in_thread, NULL), 0);
  CHECK_EQ (pthread_join (thread, NULL), 0);
}

TEST (no_descriptor_is_free)
{
  use_up_descriptors ();
  check_all ("spawn=EMFILE fork=EMFILE");
  give_back_descriptors ();
}

TEST_LEAVING (standard_descriptors_are_closed)
{
  CHECK (close (0) == 0 && close (1) == 0 && close (2) == 0);
  check_all (NULL);
}

TEST_LEAVING (no_process_can_be_made)
{
  allow_no_more_processes ();
  /* Before Linux 5.14 this process may no longer read what procfs says of its own descriptors. */
  bool hidden = access ("/proc/self/fdinfo/0", R_OK) != 0 && errno == EACCES;
  check_all (hidden ? "spawn=EAGAIN fork=EAGAIN getpid=EACCES" : "spawn=EAGAIN fork=EAGAIN");
}

/* The kernel lets nobody have a mapping that could not possibly be filled, and a fork is asked for all of a mapping at
   once.  Two neighbours that are each small enough become one that is not. */
TEST_LEAVING (no_memory_for_a_copy)
{
  /* A caller with privileges is kept from the eyes of the new user by a group of its own, or else by a copy. */
  bool needs_copy = calls_libc ();
  for (int capability = 0; capability < 64 && !needs_copy; capability++)
    needs_copy = has_capability (capability) && !has_other_groups ();
  struct sysinfo system;
  CHECK (sysinfo (&system) == 0);
  size_t all = (system.totalram + system.totalswap) * system.mem_unit;
  size_t half = (all / 8 * 5) & ~(size_t) 0xffff;
  char *area = mmap (NULL, 2 * half, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  for (int i = 0; area != MAP_FAILED && i < 2; i++)
    if (mmap (area + (size_t) i * half, half, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
        == MAP_FAILED)
      area = MAP_FAILED;
  if (area == MAP_FAILED)
    SKIP ("this system does not let a process map that much");
  pid_t pid = fork ();
  if (pid == 0)
    _exit (0);
  if (pid > 0)
    {
      CHECK_EQ (waitpid (pid, NULL, 0), pid);
      SKIP ("this system promises more memory than it has");
    }
  CHECK_EQ (errno, ENOMEM);
  check_all (needs_copy ? "fork=ENOMEM user=ENOMEM" : "fork=ENOMEM");
}

#endif
