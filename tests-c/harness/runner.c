/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The harness: runs the tests of one program, each in a process of its own, and checks what they leave behind. */

#include "runner.h"
#include "tap.h"

#include <dirent.h>
#include <ftw.h>
#if !NOT_GLIBC
# include <gnu/libc-version.h>
#endif
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

enum { SKIPPED = 77, MESSAGE = 1024 };

/* In seconds, for one test; TEST_TIME_LIMIT in the environment sets another. */
static int time_limit = 30;

static struct test *tests;
static struct child *children;

/* Shared by the harness and the processes it forks: why a test failed or was skipped, and what it may leave. */
static struct report {
  char message[MESSAGE];
  bool failed;
  char cgroup[PATH_MAX];
} *report;

static char *directory;
static char self[PATH_MAX];
const char *const self_path = self;

void
test_register (struct test *test)
{
  struct test **end = &tests;
  while (*end)
    end = &(*end)->next;
  *end = test;
}

void
child_register (struct child *child)
{
  child->next = children;
  children = child;
}

void
test_fail (const char *file, int line, const char *format, ...)
{
  char text[MESSAGE];
  int length = snprintf (text, sizeof text, "%s:%d: ", file, line);
  va_list arguments;
  va_start (arguments, format);
  vsnprintf (text + length, sizeof text - (size_t) length, format, arguments);
  va_end (arguments);
  if (report)
    {
      if (!report->failed)
        strcpy (report->message, text);
      report->failed = true;
    }
  else
    dprintf (STDERR_FILENO, "%s\n", text);
  _exit (1);
}

void
test_skip (const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  /* A program that a test started has none.  A failure stays one, whatever is skipped afterwards. */
  if (report && !report->failed)
    vsnprintf (report->message, sizeof report->message, format, arguments);
  va_end (arguments);
  _exit (SKIPPED);
}

char *
format (const char *format, ...)
{
  char *text;
  va_list arguments;
  va_start (arguments, format);
  if (vasprintf (&text, format, arguments) < 0)
    FAIL ("out of memory");
  va_end (arguments);
  return text;
}

char **
child_argv (const char *name, ...)
{
  char **argv = calloc (64, sizeof *argv);
  size_t count = 0;
  argv[count++] = self;
  argv[count++] = (char *) "--child";
  argv[count++] = (char *) name;
  va_list arguments;
  va_start (arguments, name);
  while (count < 63 && (argv[count] = va_arg (arguments, char *)))
    count++;
  va_end (arguments);
  return argv;
}

const char *
test_dir (void)
{
  return directory;
}

char *
test_path (const char *name)
{
  return format ("%s/%s", directory, name);
}

void
leave_cgroup (const char *path)
{
  snprintf (report->cgroup, sizeof report->cgroup, "%s", path);
}

void
write_file (const char *path, const char *content, mode_t mode)
{
  int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  CHECK (fd >= 0);
  CHECK_EQ (write (fd, content, strlen (content)), (long long) strlen (content));
  CHECK (fchmod (fd, mode) == 0);
  CHECK (close (fd) == 0);
}

char *
read_file (const char *path)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    FAIL ("open %s: %s", path, strerror (errno));
  size_t size = 0;
  char *text = malloc (1);
  for (;;)
    {
      text = realloc (text, size + 4097);
      ssize_t got = read (fd, text + size, 4096);
      CHECK (got >= 0);
      if (got == 0)
        break;
      size += (size_t) got;
    }
  text[size] = 0;
  close (fd);
  return text;
}

siginfo_t
reap (int pidfd)
{
  siginfo_t info;
  memset (&info, 0, sizeof info);
  if (pidfd < 0)
    FAIL ("not a pidfd: %d", pidfd);
  while (waitid (PIDFD, (id_t) pidfd, &info, WEXITED) != 0)
    if (errno != EINTR)
      FAIL ("waitid on pidfd %d: %s", pidfd, strerror (errno));
  CHECK (close (pidfd) == 0);
  return info;
}

void
check_exit_at (const char *file, int line, int pidfd, int status)
{
  siginfo_t info = reap (pidfd);
  if (info.si_code != CLD_EXITED || info.si_status != status)
    test_fail (file, line, "child: si_code %d, si_status %d; wanted exit status %d", info.si_code, info.si_status,
               status);
}

void
check_killed_at (const char *file, int line, int pidfd, int signal)
{
  siginfo_t info = reap (pidfd);
  if ((info.si_code != CLD_KILLED && info.si_code != CLD_DUMPED) || info.si_status != signal)
    test_fail (file, line, "child: si_code %d, si_status %d; wanted death by signal %d", info.si_code, info.si_status,
               signal);
}

int
in_fork (void (*body) (void *), void *argument)
{
  pid_t pid = fork ();
  CHECK (pid >= 0);
  if (pid == 0)
    {
      body (argument);
      _exit (0);
    }
  int status;
  CHECK_EQ (waitpid (pid, &status, 0), pid);
  if (WIFEXITED (status) && WEXITSTATUS (status) == SKIPPED)
    _exit (SKIPPED);
  return status;
}

void
check_no_child_at (const char *file, int line)
{
  siginfo_t info;
  memset (&info, 0, sizeof info);
  int result = waitid (P_ALL, 0, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL);
  if (result == 0 || errno != ECHILD)
    test_fail (file, line, "a child is left (pid %d)", (int) info.si_pid);
}

spawn_call *both_calls[2];

void
check_spawn_fails_at (const char *file, int line, const char *path, const posix_spawn_file_actions_t *actions,
                      const posix_spawnattr_t *attributes, char *const argv[], int error, int other)
{
  enum { UNTOUCHED = -7 };
  for (int call = 0; call < 2; call++)
    {
      int pidfd = UNTOUCHED, descriptors = open_descriptors ();
      errno = EXDEV;
      int got = both_calls[call](&pidfd, path, actions, attributes, argv, environ), got_errno = errno;
      if (got == 0)
        {
          sys_pidfd_send_signal (pidfd, SIGKILL, NULL, 0);
          reap (pidfd);
        }
      if (got != error && got != other)
        test_fail (file, line, "the result is %d (%s), wanted %d (%s)", got, strerror (got), error, strerror (error));
      if (HAVE_LIBRARY && got_errno != got)
        test_fail (file, line, "errno is %d, the result %d", got_errno, got);
      if (pidfd != UNTOUCHED)
        test_fail (file, line, "the failed call stored %d", pidfd);
      check_no_child_at (file, line);
      if (open_descriptors () != descriptors)
        test_fail (file, line, "%d descriptors became %d", descriptors, open_descriptors ());
    }
}

struct process_state
state_of (pid_t pid)
{
  struct process_state state;
  CHECK (read_process_state (pid, &state));
#if !HAVE_LIBRARY
  /* glibc's posix_spawn has its own two signals ignored in every child, which the interface under test must not. */
  state.ignored &= ~(3ULL << 31);
#endif
  return state;
}

pid_t
pid_of (int pidfd)
{
  pid_t pid = pid_in_fdinfo (pidfd);
  if (pid == NO_PIDFD)
    {
      /* Before Linux 5.14 a process that changed its IDs must first say that it has no secrets. */
      prctl (PR_SET_DUMPABLE, 1);
      pid = pid_in_fdinfo (pidfd);
    }
  if (pid == NO_PIDFD)
    FAIL ("descriptor %d is no pidfd", pidfd);
  return pid;
}

static void
dump_core_in_vfork (void *unused)
{
  (void) unused;
  const struct rlimit none = { 0, 0 };
  CHECK (setrlimit (RLIMIT_CORE, &none) == 0 && signal (SIGQUIT, SIG_DFL) != SIG_ERR);
  sigset_t mask = SIGNALS (SIGQUIT);
  CHECK (sigprocmask (SIG_UNBLOCK, &mask, NULL) == 0);
  pid_t pid = vfork ();
  if (pid == 0)
    {
      kill (getpid (), SIGQUIT);
      _exit (1);
    }
  CHECK (pid > 0 && waitpid (pid, NULL, 0) == pid);
}

void
need_end_of_its_own (void)
{
  if (in_fork (dump_core_in_vfork, NULL) != 0)
    SKIP ("this kernel ends all that share the memory of a process that dumps core");
}

void
need_list_of_children (void)
{
  if (list_children (getpid (), getpid (), NULL, 0) < 0)
    SKIP ("the kernel does not list children");
}

/* A child of this thread that sleeps, or 0. */
static pid_t
sleeper_of (pid_t process, pid_t thread)
{
  enum { MOST = 64 };
  pid_t children[MOST];
  int count = list_children (process, thread, children, MOST);
  for (int i = 0; i < count; i++)
    if (activity_of (children[i]) == 'S')
      return children[i];
  return 0;
}

pid_t
sleeping_child (void)
{
  return sleeping_child_of (getpid ());
}

pid_t
sleeping_child_of (pid_t process)
{
  for (;;)
    {
      DIR *tasks = opendir (format ("/proc/%d/task", (int) process));
      CHECK (tasks != NULL);
      pid_t found = 0;
      for (struct dirent *entry; !found && (entry = readdir (tasks));)
        if (entry->d_name[0] != '.')
          found = sleeper_of (process, (pid_t) atoi (entry->d_name));
      closedir (tasks);
      if (found)
        return found;
      usleep (200);
    }
}

char *
wait_for_fifo (posix_spawn_file_actions_t *actions)
{
  char *fifo = test_path ("fifo");
  CHECK (mkfifo (fifo, 0600) == 0);
  CHECK_EQ (posix_spawn_file_actions_init (actions), 0);
  CHECK_EQ (posix_spawn_file_actions_addopen (actions, 20, fifo, O_RDONLY, 0), 0);
  return fifo;
}

long
processes_made (int proc_stat)
{
  static char text[1 << 16];
  ssize_t length = pread (proc_stat, text, sizeof text - 1, 0);
  text[length > 0 ? length : 0] = 0;
  char *line = strstr (text, "\nprocesses ");
  if (!line)
    SKIP ("the system does not count its processes");
  return atol (line + 11);
}

int
set_filter (const struct filter_rule rules[], size_t count, enum filter_flags flags)
{
  int result = install_filter (rules, count, flags);
  if (result < 0)
    SKIP ("no seccomp %s: %s", flags & FILTER_LISTENER ? "listener" : "filters", strerror (errno));
  return result;
}

void
refuse_call (long call, int error)
{
  SET_FILTER ({ .call = call, .action = FILTER_ERROR (error) });
}

void
refuse_call_when (long call, unsigned int argument, uint32_t value, int error)
{
  SET_FILTER ({ call, argument, ALL_BITS, value, FILTER_ERROR (error) });
}

void
filter_the_ioctl (uint32_t action)
{
  SET_FILTER ({ SYS_ioctl, 1, 0xffff, 0xff0b, action });
}

/* The last descriptor that is not beyond the limit, and the limit before. */
static int filled_from;
static rlim_t limit_before;

rlim_t
limit_descriptors (rlim_t new_limit)
{
  struct rlimit limit;
  CHECK (getrlimit (RLIMIT_NOFILE, &limit) == 0);
  rlim_t before = limit.rlim_cur;
  limit.rlim_cur = new_limit;
  CHECK (setrlimit (RLIMIT_NOFILE, &limit) == 0);
  return before;
}

int
use_up_descriptors (void)
{
  filled_from = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  CHECK (filled_from >= 0);
  limit_before = limit_descriptors ((rlim_t) filled_from + 1);
  CHECK_ERRNO (dup (filled_from), EMFILE);
  return filled_from;
}

void
give_back_descriptors (void)
{
  limit_descriptors (limit_before);
  close (filled_from);
}

sigset_t
signal_set (const int signals[])
{
  sigset_t set;
  sigemptyset (&set);
  for (; *signals; signals++)
    sigaddset (&set, *signals);
  return set;
}

bool
has_capability (int number)
{
  struct {
    uint32_t effective, permitted, inheritable;
  } sets[2] = { { 0 } };
  const uint32_t header[] = { 0x20080522 /* _LINUX_CAPABILITY_VERSION_3 */, 0 };
  return syscall (SYS_capget, header, sets) == 0 && (sets[number / 32].effective & 1U << number % 32);
}

enum { NOBODY = 65534 };

static void
become_nobody (void *unused)
{
  (void) unused;
  _exit (setresgid (NOBODY, NOBODY, NOBODY) != 0 || setresuid (NOBODY, NOBODY, NOBODY) != 0);
}

void
need_root (void)
{
  if (geteuid () != 0)
    SKIP ("needs root");
  if (in_fork (become_nobody, NULL) != 0)
    SKIP ("root may not become another user here");
}

void
allow_no_more_processes (void)
{
  need_root ();
  struct rlimit none = { 0, 0 };
  CHECK (setrlimit (RLIMIT_NPROC, &none) == 0);
  CHECK (setresgid (NOBODY, NOBODY, NOBODY) == 0);
  CHECK (setresuid (NOBODY, NOBODY, NOBODY) == 0);
}

int
sys_pidfd_open (pid_t pid, unsigned int flags)
{
  return (int) syscall (SYS_pidfd_open, pid, flags);
}

int
sys_pidfd_send_signal (int pidfd, int signal, void *info, unsigned int flags)
{
  return (int) syscall (SYS_pidfd_send_signal, pidfd, signal, info, flags);
}

int
sys_pidfd_getfd (int pidfd, int fd, unsigned int flags)
{
  return (int) syscall (SYS_pidfd_getfd, pidfd, fd, flags);
}

#if !HAVE_LIBRARY
static int
reference (int error, pid_t pid, int *pidfd)
{
  if (error == 0 && pidfd)
    {
      *pidfd = sys_pidfd_open (pid, 0);
      CHECK (*pidfd >= 0);
    }
  return error;
}

int
reference_spawn (int *pidfd, const char *path, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
  pid_t pid = -1;
  int error = posix_spawn (&pid, path, actions, attributes, argv, envp);
  return reference (error, pid, pidfd);
}

int
reference_spawnp (int *pidfd, const char *file, const posix_spawn_file_actions_t *actions,
                  const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
  pid_t pid = -1;
  int error = posix_spawnp (&pid, file, actions, attributes, argv, envp);
  return reference (error, pid, pidfd);
}

int
reference_fork (unsigned int flags)
{
  if (flags != 0)
    SKIP ("not every libc has a _Fork");
  pid_t pid = fork ();
  if (pid <= 0)
    return pid;
  int pidfd = sys_pidfd_open (pid, 0);
  if (pidfd == 0)
    {
      pidfd = fcntl (0, F_DUPFD_CLOEXEC, 1);
      close (0);
    }
  CHECK (pidfd > 0);
  return pidfd;
}
#endif

_Noreturn static void
run_body (const struct test *test)
{
  static struct snapshot before, after;
  take_snapshot (&before, false);
  test->body ();
  CHECK_NO_CHILD ();
  if (!test->leaves)
    {
      take_snapshot (&after, false);
      const char *difference = compare_snapshots (&before, &after);
      if (difference)
        FAIL ("%s", difference);
    }
  fflush (stdout);
  _exit (0);
}

static int
remove_entry (const char *path, const struct stat *status, int kind, struct FTW *where)
{
  (void) status, (void) kind, (void) where;
  return remove (path);
}

/* Waits for the process until the deadline; false when the time is over. */
static bool
wait_until (pid_t pid, int *status, time_t deadline)
{
  for (unsigned int pause = 200;; pause = pause < 20000 ? pause * 2 : pause)
    {
      if (waitpid (pid, status, WNOHANG) == pid)
        return true;
      if (time (NULL) > deadline)
        return false;
      usleep (pause);
    }
}

static void
run_test (const struct test *test, const char *mode, const char *program)
{
  memset (report, 0, sizeof *report);
  if (!mkdtemp (strcpy (directory, format ("%s/tst-XXXXXX", getenv ("TMPDIR") ? getenv ("TMPDIR") : "/tmp"))))
    {
      perror ("mkdtemp");
      exit (2);
    }
  chmod (directory, 0755);
  int status = 0;
  pid_t pid = fork ();
  if (pid < 0)
    {
      perror ("fork");
      exit (2);
    }
  if (pid == 0)
    {
      setpgid (0, 0);
      run_body (test);
    }
  setpgid (pid, pid);
  bool in_time = wait_until (pid, &status, time (NULL) + time_limit);
  if (!in_time)
    {
      kill (-pid, SIGKILL);
      kill (pid, SIGKILL);
      waitpid (pid, &status, 0);
      snprintf (report->message, sizeof report->message, "not done after %d s", time_limit);
    }
  /* Children that outlived their test come to the harness, a subreaper. */
  int strays = end_children ();
  nftw (directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
  /* The kernel needs a moment after the last process has gone. */
  for (int pause = 0; report->cgroup[0] && rmdir (report->cgroup) != 0 && errno == EBUSY && pause < 2000; pause++)
    usleep (1000);

  int result = WIFEXITED (status) ? WEXITSTATUS (status) : 1;
  if (report->failed)
    result = 1;
  if (WIFSIGNALED (status) && in_time && !report->message[0])
    snprintf (report->message, sizeof report->message, "killed by signal %d", WTERMSIG (status));
  if (result != SKIPPED && strays && !report->message[0])
    snprintf (report->message, sizeof report->message, "%d processes were left behind", strays);
  tap_report (result == SKIPPED                           ? TAP_SKIPPED
              : result == 0 && !report->message[0]         ? TAP_PASSED
                                                           : TAP_FAILED,
              report->message, "%s %s: %s", mode, program, test->name);
}

static int
run_child (int argc, char **argv)
{
  for (struct child *child = children; child; child = child->next)
    if (strcmp (child->name, argv[2]) == 0)
      return child->body (argc - 3, argv + 3);
  dprintf (STDERR_FILENO, "%s: no child named %s\n", argv[0], argv[2]);
  return 120;
}

/* An older glibc has handlers for its two signals by now, whichever one the program was built for. */
static bool
libc_handles_its_signals (void)
{
#if NOT_GLIBC
  return false;
#else
  int minor;
  return sscanf (gnu_get_libc_version (), "2.%d", &minor) == 1 && minor < 34;
#endif
}

#if HAVE_LIBRARY

bool
has_asyncsafe_fork (void)
{
# if NOT_GLIBC
  extern pid_t _Fork (void) __attribute__ ((weak));
  return _Fork != NULL;
# else
  int minor;
  return sscanf (gnu_get_libc_version (), "2.%d", &minor) == 1 && minor >= 25;
# endif
}

unsigned int
last_fork_flags (void)
{
  return has_asyncsafe_fork () ? PIDFDFORK_ASYNCSAFE : 0;
}

void
need_asyncsafe_fork (unsigned int flags)
{
  if (flags == PIDFDFORK_ASYNCSAFE && !has_asyncsafe_fork ())
    SKIP ("with this libc PIDFDFORK_ASYNCSAFE is always ENOSYS");
}

#endif

/* The tests start from the same state whatever started them: make, for one, leaves signals 32 and 33 ignored.  By the
   system calls themselves, because the libc does not let go of those two. */
static void
reset_signals (void)
{
  static const struct kernel_action none;
  const uint64_t no_signal = 0;
  bool handles_its = libc_handles_its_signals ();
  for (int signal = 1; signal <= 64; signal++)
    if (!handles_its || (signal != 32 && signal != 33))
      sys_sigaction (signal, &none, NULL);
  sys_sigprocmask (SIG_SETMASK, &no_signal, NULL);
}

int
main (int argc, char **argv)
{
  /* Not initialised statically: a linker may settle a weak reference in data before the preloaded library is there. */
  both_calls[0] = SPAWN;
  both_calls[1] = SPAWNP;

  ssize_t length = readlink ("/proc/self/exe", self, sizeof self - 1);
  if (length < 0)
    snprintf (self, sizeof self, "%s", argv[0]);
  else
    /* Valgrind 3.24 leaves more there. */
    self[length] = '\0';
  if (argc >= 3 && strcmp (argv[1], "--child") == 0)
    return run_child (argc, argv);

  reset_signals ();
  const char *limit = getenv ("TEST_TIME_LIMIT");
  if (limit && atoi (limit) > 0)
    time_limit = atoi (limit);
  const char *slash = strrchr (self, '/');
  const char *program = slash ? slash + 1 : self;
  report = mmap (NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  directory = malloc (PATH_MAX);
  if (report == MAP_FAILED || !directory)
    return 2;
  prctl (PR_SET_CHILD_SUBREAPER, 1);

  const char *mode = getenv ("TEST_MODE") ? getenv ("TEST_MODE") : MODE;
  tap_begin ();
  for (struct test *test = tests; test; test = test->next)
    {
      bool wanted = argc < 2;
      for (int i = 1; i < argc; i++)
        wanted |= strcmp (argv[i], test->name) == 0;
      if (wanted)
        run_test (test, mode, program);
    }
  int status = tap_end ();
  if (status == 2)
    fprintf (stderr, "%s: no such test\n", program);
  return status;
}
