/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * struct pidfd_spawn_args: its size, and everything in it that is refused before a child exists. */

#include "extension.h"

#include <sys/mman.h>

/* From now on a call that gets as far as making a child fails with this, which nothing else gives. */
enum { MADE_A_CHILD = EXDEV };

/* Without filters there is still the look at what is left. */
static bool
tell_of_children (void)
{
  const struct filter_rule rules[] = {
    { .call = SYS_clone3, .action = FILTER_ERROR (MADE_A_CHILD) },
    { .call = SYS_clone, .action = FILTER_ERROR (MADE_A_CHILD) },
  };
  return install_filter (rules, sizeof rules / sizeof *rules, FILTER_PLAIN) == 0;
}

static void
need_to_be_told_of_children (void)
{
  if (!tell_of_children ())
    SKIP ("no seccomp filters: %s", strerror (errno));
}

static const posix_spawnattr_t *attributes;

static int
call_with (int *pidfd, const struct pidfd_spawn_args *args, size_t size)
{
  const char *file = args && args->flags & PIDFD_SPAWN_EXEC_FD ? NULL : "/bin/true";
  return pidfd_spawn_ext (pidfd, file, NULL, attributes, sleep_argv (), environ, args, size);
}

#define CHECK_SIZE(args, size, error) CHECK_EXT_FAILS (call_with (&pidfd, args, size), error)
#define CHECK_ARGS(error, ...) CHECK_SIZE (ARGS (__VA_ARGS__), sizeof (struct pidfd_spawn_args), error)
#define REFUSED(...) CHECK_ARGS (EINVAL, __VA_ARGS__)
#define ACCEPTED(...) CHECK_ARGS (MADE_A_CHILD, __VA_ARGS__)

static void
set_flags (posix_spawnattr_t *own, int flags)
{
  CHECK_EQ (posix_spawnattr_init (own), 0);
  CHECK_EQ (posix_spawnattr_setflags (own, (short) flags), 0);
  attributes = own;
}

/* ---- Sizes ---- */

/* Nothing: as pidfd_spawn, whatever there is. */
TEST (size_0)
{
  struct pidfd_spawn_args nonsense;
  memset (&nonsense, 0xff, sizeof nonsense);
  char *none = test_path ("none");
  for (int with = 0; with < 2; with++)
    {
      int pidfd = UNTOUCHED;
      CHECK_EQ (pidfd_spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), environ, with ? &nonsense : NULL, 0),
                0);
      CHECK_EXIT (pidfd, 0);
      CHECK_EXT_FAILS (pidfd_spawn_ext (&pidfd, none, NULL, NULL, sleep_argv (), environ,
                                        with ? &nonsense : NULL, 0),
                       ENOENT);
    }
}

TEST (size_without_arguments)
{
  tell_of_children ();
  CHECK_SIZE (NULL, 8, EFAULT);
  CHECK_SIZE (NULL, sizeof (struct pidfd_spawn_args), EFAULT);
  CHECK_SIZE (NULL, SIZE_MAX, EFAULT);
}

TEST (size_below_that_of_the_flags)
{
  tell_of_children ();
  for (size_t size = 1; size < sizeof (uint64_t); size++)
    CHECK_SIZE (ARGS (.flags = 0), size, EINVAL);
}

TEST (size_beyond_a_page)
{
  need_to_be_told_of_children ();
  static _Alignas (8) char zeroes[8192];
  const struct pidfd_spawn_args *args = (void *) zeroes;
  CHECK_SIZE (args, 4096, MADE_A_CHILD);
  CHECK_SIZE (args, 4097, E2BIG);
  CHECK_SIZE (args, sizeof zeroes, E2BIG);
  CHECK_SIZE (args, SIZE_MAX, E2BIG);
}

/* A member of a later version that asks for something. */
TEST (more_than_is_known)
{
  need_to_be_told_of_children ();
  enum { MORE = 24 };
  struct {
    struct pidfd_spawn_args args;
    unsigned char rest[MORE];
  } larger;
  memset (&larger, 0, sizeof larger);
  CHECK_EQ (offsetof (__typeof__ (larger), rest), PIDFD_SPAWN_ARGS_SIZE_VER0);
  for (size_t more = 0; more <= MORE; more++)
    CHECK_SIZE (&larger.args, sizeof larger.args + more, MADE_A_CHILD);
  for (size_t place = 0; place < MORE; place++)
    {
      larger.rest[place] = 1;
      for (size_t more = 0; more <= MORE; more++)
        CHECK_SIZE (&larger.args, sizeof larger.args + more, more > place ? E2BIG : MADE_A_CHILD);
      larger.rest[place] = 0;
    }
}

/* Where the members of each flag end. */
#define END(member) (offsetof (struct pidfd_spawn_args, member) + sizeof ((struct pidfd_spawn_args *) 0)->member)
static const struct {
  uint64_t flag;
  size_t end;
  bool by_clone3;
} ends[] = {
  { PIDFD_SPAWN_SEARCH, END (flags) },
  { PIDFD_SPAWN_SEARCH_ENVP, END (flags) },
  { PIDFD_SPAWN_EXEC_FD, END (exec_fd) },
  { PIDFD_SPAWN_CLOEXEC_FROM, END (inherit_count) },
  { PIDFD_SPAWN_SETRLIMITS, END (limit_count) },
  { PIDFD_SPAWN_SETUMASK, END (umask) },
  { PIDFD_SPAWN_SETSIGIGNORE, END (ignore) },
  { PIDFD_SPAWN_SETCTTY, END (terminal) },
  { PIDFD_SPAWN_CGROUP | PIDFD_SPAWN_CGROUP_MAY_MOVE, END (cgroup) },
  { PIDFD_SPAWN_SETGROUPS, END (groups) },
  { PIDFD_SPAWN_SETGID, END (gid) },
  { PIDFD_SPAWN_SETUID, END (uid) },
  { PIDFD_SPAWN_NO_NEW_PRIVS, END (flags) },
  { PIDFD_SPAWN_PDEATHSIG, END (death_signal) },
  { PIDFD_SPAWN_AUTOREAP, END (flags), true },
  { PIDFD_SPAWN_AUTOREAP | PIDFD_SPAWN_KILL_ON_CLOSE, END (flags), true },
};

/* Each size that there may be, with nothing readable behind it.  A member that is not there is no 0. */
TEST (members_behind_the_size)
{
  need_to_be_told_of_children ();
  size_t page = (size_t) sysconf (_SC_PAGESIZE);
  char *memory = mmap (NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK (memory != MAP_FAILED);
  CHECK (mprotect (memory + page, page, PROT_NONE) == 0);
  posix_spawnattr_t session;
  set_flags (&session, POSIX_SPAWN_SETSID);
  sigset_t none = SIGNALS (0);
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
    for (size_t size = sizeof (uint64_t); size <= sizeof (struct pidfd_spawn_args); size++)
      {
        const struct pidfd_spawn_args *args
          = ARGS (.flags = ends[i].flag, .exec_fd = 0, .ignore = &none, .gid = 0, .uid = 0, .death_signal = SIGTERM);
        /* At an odd address too: no byte behind it may be read. */
        char *place = memory + page - size;
        memcpy (place, args, size);
        const char *file = ends[i].flag & PIDFD_SPAWN_EXEC_FD ? NULL : "true";
        CHECK_EXT_FAILS (pidfd_spawn_ext (&pidfd, file, NULL, &session, sleep_argv (), environ, (void *) place, size),
                         size < ends[i].end ? EINVAL : ends[i].by_clone3 && calls_libc () ? EOPNOTSUPP : MADE_A_CHILD);
      }
  posix_spawnattr_destroy (&session);
  CHECK (munmap (memory, 2 * page) == 0);
}

TEST (arguments_are_only_read)
{
  size_t page = (size_t) sysconf (_SC_PAGESIZE);
  struct pidfd_spawn_args *args = mmap (NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK (args != MAP_FAILED);
  *args = *ARGS (.flags = PIDFD_SPAWN_SETUMASK | PIDFD_SPAWN_CLOEXEC_FROM, .umask = 077, .cloexec_from = 3);
  CHECK (mprotect (args, page, PROT_READ) == 0);
  int pidfd = UNTOUCHED;
  CHECK_EQ (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), args), 0);
  CHECK_EXIT (pidfd, 0);
  CHECK (munmap (args, page) == 0);
}

/* ---- Flags and members ---- */

TEST (unknown_flags)
{
  tell_of_children ();
  for (int bit = 17; bit < 64; bit++)
    {
      REFUSED (.flags = 1ULL << bit);
      REFUSED (.flags = 1ULL << bit | PIDFD_SPAWN_NO_NEW_PRIVS);
      CHECK_SIZE (ARGS (.flags = 1ULL << bit), sizeof (uint64_t), EINVAL);
    }
}

TEST (no_flag)
{
  int pidfd = UNTOUCHED;
  CHECK_EQ (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), ARGS (.flags = 0)), 0);
  CHECK_EXIT (pidfd, 0);
}

/* A member whose flag is not set is not looked at. */
TEST (members_without_their_flags)
{
  struct pidfd_spawn_args nonsense;
  memset (&nonsense, 0xff, sizeof nonsense);
  nonsense.flags = 0;
  nonsense.reserved = 0;
  int pidfd = UNTOUCHED;
  CHECK_EQ (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), &nonsense), 0);
  CHECK_EXIT (pidfd, 0);
  nonsense.flags = PIDFD_SPAWN_SETUMASK;
  nonsense.umask = 022;
  CHECK_EQ (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), &nonsense), 0);
  CHECK_EXIT (pidfd, 0);
}

TEST (reserved_member)
{
  tell_of_children ();
  REFUSED (.reserved = 1);
  REFUSED (.reserved = 1U << 31);
}

TEST (two_programs)
{
  tell_of_children ();
  REFUSED (.flags = PIDFD_SPAWN_SEARCH | PIDFD_SPAWN_SEARCH_ENVP);
  REFUSED (.flags = PIDFD_SPAWN_SEARCH | PIDFD_SPAWN_EXEC_FD);
  REFUSED (.flags = PIDFD_SPAWN_SEARCH_ENVP | PIDFD_SPAWN_EXEC_FD);
  REFUSED (.flags = PIDFD_SPAWN_SEARCH | PIDFD_SPAWN_SEARCH_ENVP | PIDFD_SPAWN_EXEC_FD);
}

TEST (no_program)
{
  tell_of_children ();
  for (uint64_t flags = 0; flags <= PIDFD_SPAWN_SEARCH_ENVP; flags++)
    CHECK_EXT_FAILS (spawn_ext (&pidfd, NULL, NULL, NULL, sleep_argv (), ARGS (.flags = flags)), EINVAL);
}

TEST (no_program_and_no_arguments)
{
  tell_of_children ();
  for (int with = 0; with < 2; with++)
    CHECK_EXT_FAILS (pidfd_spawn_ext (&pidfd, NULL, NULL, NULL, sleep_argv (), environ,
                                      with ? ARGS (.flags = PIDFD_SPAWN_SEARCH) : NULL, 0),
                     EINVAL);
}

TEST (descriptor_and_a_program)
{
  tell_of_children ();
  int fd = open ("/bin/true", O_RDONLY | O_CLOEXEC);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (),
                              ARGS (.flags = PIDFD_SPAWN_EXEC_FD, .exec_fd = fd)),
                   EINVAL);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "", NULL, NULL, sleep_argv (),
                              ARGS (.flags = PIDFD_SPAWN_EXEC_FD, .exec_fd = fd)),
                   EINVAL);
  CHECK (close (fd) == 0);
}

TEST (negative_descriptors)
{
  tell_of_children ();
  posix_spawnattr_t session;
  set_flags (&session, POSIX_SPAWN_SETSID);
  static const int numbers[] = { -1, AT_FDCWD, INT_MIN };
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    {
      int inherit[] = { 0, 1, numbers[i] };
      REFUSED (.flags = PIDFD_SPAWN_EXEC_FD, .exec_fd = numbers[i]);
      REFUSED (.flags = PIDFD_SPAWN_CLOEXEC_FROM, .cloexec_from = numbers[i]);
      REFUSED (.flags = PIDFD_SPAWN_CLOEXEC_FROM, .cloexec_from = 3, .inherit = inherit, .inherit_count = 3);
      REFUSED (.flags = PIDFD_SPAWN_CLOEXEC_FROM, .cloexec_from = 3, .inherit = inherit + 2, .inherit_count = 1);
      REFUSED (.flags = PIDFD_SPAWN_SETCTTY, .terminal = numbers[i]);
      REFUSED (.flags = PIDFD_SPAWN_CGROUP, .cgroup = numbers[i]);
      REFUSED (.flags = PIDFD_SPAWN_CGROUP | PIDFD_SPAWN_CGROUP_MAY_MOVE, .cgroup = numbers[i]);
    }
  posix_spawnattr_destroy (&session);
}

TEST (counts_without_arrays)
{
  tell_of_children ();
  for (uint32_t count = 1; count <= 3; count++)
    {
      REFUSED (.flags = PIDFD_SPAWN_CLOEXEC_FROM, .cloexec_from = 3, .inherit_count = count);
      REFUSED (.flags = PIDFD_SPAWN_SETRLIMITS, .limit_count = count);
      REFUSED (.flags = PIDFD_SPAWN_SETGROUPS, .group_count = count);
    }
}

/* Where the count is 0, the pointer is not looked at. */
TEST (arrays_without_counts)
{
  need_to_be_told_of_children ();
  void *nowhere = (void *) 16;
  ACCEPTED (.flags = PIDFD_SPAWN_CLOEXEC_FROM, .cloexec_from = 3, .inherit = nowhere);
  ACCEPTED (.flags = PIDFD_SPAWN_SETRLIMITS, .limits = nowhere);
  ACCEPTED (.flags = PIDFD_SPAWN_SETGROUPS, .groups = nowhere);
}

TEST (signals_to_ignore_without_a_set)
{
  tell_of_children ();
  REFUSED (.flags = PIDFD_SPAWN_SETSIGIGNORE);
}

TEST (umasks)
{
  need_to_be_told_of_children ();
  REFUSED (.flags = PIDFD_SPAWN_SETUMASK, .umask = 01000);
  REFUSED (.flags = PIDFD_SPAWN_SETUMASK, .umask = 07022);
  REFUSED (.flags = PIDFD_SPAWN_SETUMASK, .umask = 1U << 31);
  REFUSED (.flags = PIDFD_SPAWN_SETUMASK, .umask = UINT32_MAX);
  for (uint32_t umask = 0; umask <= 0777; umask += 0111)
    ACCEPTED (.flags = PIDFD_SPAWN_SETUMASK, .umask = umask);
}

TEST (death_signals)
{
  need_to_be_told_of_children ();
  enum { LAST = 8 * SIGNAL_SET };
  static const int none[] = { 0, -1, LAST + 1, 2 * LAST, INT_MIN, INT_MAX };
  for (size_t i = 0; i < sizeof none / sizeof *none; i++)
    REFUSED (.flags = PIDFD_SPAWN_PDEATHSIG, .death_signal = none[i]);
  for (int signal = 1; signal <= LAST; signal++)
    ACCEPTED (.flags = PIDFD_SPAWN_PDEATHSIG, .death_signal = signal);
}

TEST (limits)
{
  need_to_be_told_of_children ();
  struct pidfd_spawn_rlimit limits[] = { { RLIMIT_CORE, 0, 0, 0 }, { RLIMIT_CORE, 0, 0, 0 } };
  for (uint32_t resource = 0; resource < 16; resource++)
    {
      limits[1].resource = resource;
      ACCEPTED (.flags = PIDFD_SPAWN_SETRLIMITS, .limits = limits, .limit_count = 2);
    }
  static const uint32_t none[] = { 16, 17, 1U << 31, UINT32_MAX };
  for (size_t i = 0; i < sizeof none / sizeof *none; i++)
    {
      limits[1].resource = none[i];
      REFUSED (.flags = PIDFD_SPAWN_SETRLIMITS, .limits = limits, .limit_count = 2);
    }
  /* Behind the count nothing is looked at. */
  ACCEPTED (.flags = PIDFD_SPAWN_SETRLIMITS, .limits = limits, .limit_count = 1);
  limits[1].resource = RLIMIT_CORE;
  limits[1].reserved = 1;
  REFUSED (.flags = PIDFD_SPAWN_SETRLIMITS, .limits = limits, .limit_count = 2);
}

TEST (terminal_without_a_session)
{
  tell_of_children ();
  REFUSED (.flags = PIDFD_SPAWN_SETCTTY, .terminal = 0);
  posix_spawnattr_t others;
  set_flags (&others, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  REFUSED (.flags = PIDFD_SPAWN_SETCTTY, .terminal = 0);
  posix_spawnattr_destroy (&others);
}

TEST (move_without_a_cgroup)
{
  tell_of_children ();
  REFUSED (.flags = PIDFD_SPAWN_CGROUP_MAY_MOVE);
}

TEST (kill_on_close_without_a_pidfd)
{
  tell_of_children ();
  static const uint64_t besides[] = { 0, PIDFD_SPAWN_AUTOREAP, PIDFD_SPAWN_NO_NEW_PRIVS };
  for (size_t i = 0; i < sizeof besides / sizeof *besides; i++)
    CHECK_EXT_FAILS (((void) pidfd, spawn_ext (NULL, "/bin/true", NULL, NULL, sleep_argv (),
                                               ARGS (.flags = PIDFD_SPAWN_KILL_ON_CLOSE | besides[i]))),
                     EINVAL);
}

TEST (ids)
{
  need_to_be_told_of_children ();
  REFUSED (.flags = PIDFD_SPAWN_SETGID, .gid = UINT32_MAX);
  REFUSED (.flags = PIDFD_SPAWN_SETUID, .uid = UINT32_MAX);
  gid_t groups[] = { 0, (gid_t) -1, 0 };
  REFUSED (.flags = PIDFD_SPAWN_SETGROUPS, .groups = groups, .group_count = 3);
  REFUSED (.flags = PIDFD_SPAWN_SETGROUPS, .groups = groups, .group_count = 2);
  ACCEPTED (.flags = PIDFD_SPAWN_SETGROUPS, .groups = groups, .group_count = 1);
  /* That belongs to the other flag. */
  ACCEPTED (.flags = PIDFD_SPAWN_SETGID, .gid = 0, .uid = UINT32_MAX);
  ACCEPTED (.flags = PIDFD_SPAWN_SETUID, .uid = 0, .gid = UINT32_MAX);
}

TEST (number_of_groups)
{
  need_to_be_told_of_children ();
  static const gid_t groups[65537];
  ACCEPTED (.flags = PIDFD_SPAWN_SETGROUPS, .groups = groups, .group_count = 65536);
  REFUSED (.flags = PIDFD_SPAWN_SETGROUPS, .groups = groups, .group_count = 65537);
  REFUSED (.flags = PIDFD_SPAWN_SETGROUPS, .groups = groups, .group_count = UINT32_MAX);
}
