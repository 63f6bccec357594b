/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The harness of the C suite.
 *
 * A file holds one family of tests.  Each TEST runs in a process of its own, under a time limit, and when its body
 * returns the harness checks that nothing was left behind: no child, no descriptor, no changed signal mask, working
 * directory, umask or cancel state.  A failed CHECK ends the test.  CHILD is a body for the program when it is started
 * anew as somebody's child (see child_argv).
 *
 * The same text is built for several modes of use; see interface.h. */

#ifndef RUNNER_H
#define RUNNER_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interface.h"
#include "numbers.h"
#include "procfs.h"
#include "seccomp.h"
#include "snapshot.h"

struct test {
  const char *name;
  void (*body) (void);
  bool leaves; /* The body may leave descriptors or a changed state behind; children never. */
  struct test *next;
};

struct child {
  const char *name;
  int (*body) (int argc, char **argv); /* argv[0] is the first argument after the name */
  struct child *next;
};

void test_register (struct test *);
void child_register (struct child *);

#define TEST_WITH(name_, leaves_)                                                                                      \
  static void body_of_##name_ (void);                                                                                  \
  __attribute__ ((constructor)) static void register_of_##name_ (void)                                                 \
  {                                                                                                                    \
    static struct test self = { #name_, body_of_##name_, leaves_, NULL };                                              \
    test_register (&self);                                                                                             \
  }                                                                                                                    \
  static void body_of_##name_ (void)

#define TEST(name_) TEST_WITH (name_, false)

/* For the rare body that cannot restore everything (it dropped privileges, say). */
#define TEST_LEAVING(name_) TEST_WITH (name_, true)

#define CHILD(name_)                                                                                                   \
  static int child_body_of_##name_ (int argc, char **argv);                                                            \
  __attribute__ ((constructor)) static void register_child_##name_ (void)                                              \
  {                                                                                                                    \
    static struct child self = { #name_, child_body_of_##name_, NULL };                                                \
    child_register (&self);                                                                                            \
  }                                                                                                                    \
  static int child_body_of_##name_ (int argc __attribute__ ((unused)), char **argv __attribute__ ((unused)))

/* Ends the test (or the forked child that calls it) as failed or as skipped. */
_Noreturn void test_fail (const char *file, int line, const char *format, ...) __attribute__ ((format (printf, 3, 4)));
_Noreturn void test_skip (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

#define FAIL(...) test_fail (__FILE__, __LINE__, __VA_ARGS__)
#define SKIP(...) test_skip (__VA_ARGS__)

#define CHECK(condition)                                                                                               \
  do                                                                                                                   \
    {                                                                                                                  \
      if (!(condition))                                                                                                \
        FAIL ("%s (errno %d, %s)", #condition, errno, strerror (errno));                                               \
    }                                                                                                                  \
  while (0)

#define CHECK_EQ(got, want)                                                                                            \
  do                                                                                                                   \
    {                                                                                                                  \
      long long got_ = (got), want_ = (want);                                                                          \
      if (got_ != want_)                                                                                               \
        FAIL ("%s is %lld, wanted %s = %lld", #got, got_, #want, want_);                                               \
    }                                                                                                                  \
  while (0)

#define CHECK_STR(got, want)                                                                                           \
  do                                                                                                                   \
    {                                                                                                                  \
      const char *got_ = (got), *want_ = (want);                                                                       \
      if (strcmp (got_, want_) != 0)                                                                                   \
        FAIL ("%s is \"%s\", wanted \"%s\"", #got, got_, want_);                                                       \
    }                                                                                                                  \
  while (0)

/* -1 and this errno. */
#define CHECK_ERRNO(call, error)                                                                                       \
  do                                                                                                                   \
    {                                                                                                                  \
      errno = 0;                                                                                                       \
      long long got_ = (call);                                                                                         \
      int errno_ = errno;                                                                                              \
      if (got_ != -1 || errno_ != (error))                                                                             \
        FAIL ("%s is %lld with errno %d (%s), wanted -1 with %s", #call, got_, errno_, strerror (errno_), #error);     \
    }                                                                                                                  \
  while (0)

/* A spawn function's failure: this error returned, and left in errno too (which posix_spawn need not do). */
#define CHECK_ERROR(call, error)                                                                                       \
  do                                                                                                                   \
    {                                                                                                                  \
      errno = 0;                                                                                                       \
      int got_ = (call), errno_ = errno;                                                                               \
      if (got_ != (error) || (HAVE_LIBRARY && errno_ != (error)))                                                      \
        FAIL ("%s is %d with errno %d, wanted %s = %d in both", #call, got_, errno_, #error, error);                   \
    }                                                                                                                  \
  while (0)

/* The running test program, for spawning it anew: argv for "run the CHILD of this name with these arguments", ended by
   NULL.  The array is allocated and lives as long as the test. */
extern const char *const self_path;
char **child_argv (const char *name, ...) __attribute__ ((sentinel));

/* A directory for the running test alone; removed with its contents afterwards. */
const char *test_dir (void);
/* "test_dir()/name", allocated, lives as long as the test. */
char *test_path (const char *name);

/* The harness removes that cgroup after the test, which may have failed before it could. */
void leave_cgroup (const char *path);

void write_file (const char *path, const char *content, mode_t mode);
/* The whole file as a string, allocated. */
char *read_file (const char *path);

/* printf into an allocated string. */
char *format (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

/* P_PIDFD, which older headers do not have. */
#define PIDFD ((idtype_t) 3)

/* Waits for the child that the descriptor names, closes the descriptor, and gives what waitid said. */
siginfo_t reap (int pidfd);
void check_exit_at (const char *file, int line, int pidfd, int status);
void check_killed_at (const char *file, int line, int pidfd, int signal);
#define CHECK_EXIT(pidfd, status) check_exit_at (__FILE__, __LINE__, pidfd, status)
#define CHECK_KILLED(pidfd, signal) check_killed_at (__FILE__, __LINE__, pidfd, signal)

/* Runs the body in a forked child and gives its wait status; for things that would spoil the test process.  A SKIP in
   the body skips the test. */
int in_fork (void (*body) (void *), void *argument);

/* Fails the test unless no child is left, waited for or not. */
void check_no_child_at (const char *file, int line);
#define CHECK_NO_CHILD() check_no_child_at (__FILE__, __LINE__)

/* The two calls under test, for what they have in common: a path with a slash means the same to both.  Also for a null
   pointer as the first argument, which newer glibc headers declare to be wrong for pidfd_spawnp. */
typedef int spawn_call (int *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                        char *const[], char *const[]);
extern spawn_call *both_calls[2];

/* Both calls must fail with this error, or with the other one, say so in errno too, and leave nothing: no child, no
   descriptor, *pidfd as it was. */
void check_spawn_fails_at (const char *file, int line, const char *path, const posix_spawn_file_actions_t *actions,
                           const posix_spawnattr_t *attributes, char *const argv[], int error, int other);

/* The state of a living process; a failure if it cannot be read. */
struct process_state state_of (pid_t pid);
/* The process ID that the pidfd stands for, found without the library. */
pid_t pid_of (int pidfd);
/* Waits until one of our children, of whatever thread, sleeps, and gives its process ID.  A child that opens a FIFO
   in a file action can so be met by another thread before it executes its program. */
pid_t sleeping_child (void);
/* Begins actions that make a child wait so: the path of the FIFO that it opens. */
char *wait_for_fifo (posix_spawn_file_actions_t *actions);
pid_t sleeping_child_of (pid_t process);

/* How many processes and threads the system has made since it was started, by an open /proc/stat, for when no
   descriptor is free.  Skips the test where that is not counted. */
long processes_made (int proc_stat);

/* Skips the test where a signal that dumps core, and kills a child that shares the memory, kills the caller too: before
   Linux 5.16. */
void need_end_of_its_own (void);

/* Skips the test unless list_children works. */
void need_list_of_children (void);

/* install_filter of seccomp.h, which skips the test where there are no filters of that kind. */
int set_filter (const struct filter_rule rules[], size_t count, enum filter_flags flags);
#define SET_FILTER_WITH(flags, ...)                                                                                    \
  set_filter ((const struct filter_rule[]) { __VA_ARGS__ },                                                            \
              sizeof (struct filter_rule[]) { __VA_ARGS__ } / sizeof (struct filter_rule), flags)
#define SET_FILTER(...) ((void) SET_FILTER_WITH (FILTER_PLAIN, __VA_ARGS__))
/* Gives the descriptor that receive_call wants. */
#define LISTEN(...) SET_FILTER_WITH (FILTER_LISTENER, __VA_ARGS__)

/* For a test that takes long and shows the same in every environment: skipped where TEST_QUICK says so. */
#define NEED_PATIENCE()                                                                                                \
  do                                                                                                                   \
    if (getenv ("TEST_QUICK"))                                                                                         \
      SKIP ("it takes long, and make check-c runs it");                                                                \
  while (0)

/* From now on the system call fails with the error in this process and its children; the second only when the low half
   of its argument (counted from 0) is the value. */
void refuse_call (long call, int error);
void refuse_call_when (long call, unsigned int argument, uint32_t value, int error);

/* From now on this happens on PIDFD_GET_INFO, by its type and number: the size may be that of any kernel. */
void filter_the_ioctl (uint32_t action);

/* Sets the soft limit; gives what it was. */
rlim_t limit_descriptors (rlim_t limit);

/* Lowers the descriptor limit so that no number is free, and puts it back.  The first gives a descriptor
   that is no pidfd. */
int use_up_descriptors (void);
void give_back_descriptors (void);

/* The set of these signals. */
sigset_t signal_set (const int signals[]);
#define SIGNALS(...) signal_set ((const int[]) { __VA_ARGS__, 0 })

/* What the running thread may do, by the numbers of capabilities(7). */
enum { HAVE_SETGID = 6, HAVE_NET_RAW = 13, HAVE_SYS_RESOURCE = 24 };
bool has_capability (int number);

/* Skips the test unless it runs as root, and as one that may become another user. */
void need_root (void);

/* From now on no process can be made: the limit is 0, and no longer root's.  Skips the test unless it runs as root. */
void allow_no_more_processes (void);

/* What the libc at hand cannot express, as the reason to skip. */
#if defined __GLIBC__
# define GLIBC_BEFORE(major, minor) !__GLIBC_PREREQ (major, minor)
# define NOT_GLIBC 0
#else
# define GLIBC_BEFORE(major, minor) 0
# define NOT_GLIBC 1
#endif
#if GLIBC_BEFORE (2, 29)
# define NO_CHDIR "the libc has no posix_spawn_file_actions_addchdir_np"
#endif
#if NOT_GLIBC || GLIBC_BEFORE (2, 34)
# define NO_CLOSEFROM "the libc has no posix_spawn_file_actions_addclosefrom_np"
#endif
#if NOT_GLIBC || GLIBC_BEFORE (2, 35)
# define NO_TCSETPGRP "the libc has no posix_spawn_file_actions_addtcsetpgrp_np"
#endif

/* Before it had _Fork, glibc kept handlers for its two signals from the start of any program that is linked with
   libpthread; and without _Fork the library makes the asyncsafe child by clone, which gives its pidfd at once, so that
   nothing can go wrong in between. */
#define NO_UNDERSCORE_FORK GLIBC_BEFORE (2, 34)

#if HAVE_LIBRARY
/* Whether there is PIDFDFORK_ASYNCSAFE with the libc that the program runs on: not with glibc before 2.25, nor with
   musl before 1.2.2, which have no _Fork and keep records that only their fork renews. */
bool has_asyncsafe_fork (void);
/* The flags of the last kind of fork that there is; those of the first are 0. */
unsigned int last_fork_flags (void);
/* Skips the test if these flags are that and there is none; so does each call. */
void need_asyncsafe_fork (unsigned int flags);
# define pidfd_fork(flags) (need_asyncsafe_fork (flags), pidfd_fork (flags))
#endif

extern char **environ;

#endif
