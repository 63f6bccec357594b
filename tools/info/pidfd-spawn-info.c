/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Prints what libpidfd_spawn finds on this machine and whether it works here: what a bug report should contain.
 *
 * The functions are looked up by name at run time, so that this program also starts, and says so, where they are
 * missing.  Nothing is concluded from version numbers: each feature of the kernel is tried, for a sandbox can refuse
 * what the kernel has.  Each line begins before its trial, so that one that ends the program shows where. */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

/* For the structure and the flags of pidfd_spawn_ext. */
#include <pidfd_spawn.h>

/* What the headers of older systems lack, but for the first, which our own header knows.  The numbers go on the same
   everywhere. */
enum
{
  CALL_PIDFD_OPEN = SYS_pidfd_open,
  CALL_CLONE3,
  CALL_CLOSE_RANGE,
};
/* Macros or enumerators, and of other types, where the headers have them. */
#undef P_PIDFD
#define P_PIDFD ((idtype_t) 3)
#undef CLONE_PIDFD
#define CLONE_PIDFD 0x1000ULL
#undef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ULL
#undef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#define PIDFS 0x50494446
#define PROCFS 0x9fa0

/* struct clone_args; the size of the first published version, and of that with the cgroup. */
struct clone_arguments
{
  uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};
enum { SIZE_WITHOUT_CGROUP = 64 };

/* struct pidfd_info in its first published size. */
struct process_information
{
  uint64_t mask, cgroup;
  uint32_t pid, rest[11];
};
#define PIDFD_GET_INFO _IOWR (0xff, 11, struct process_information)

enum { STATUS = 7 /* what the children of the trials exit with */ };

extern char **environ;

typedef int spawn_function (int *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                            char *const[], char *const[]);
typedef int fork_function (unsigned int);
typedef pid_t getpid_function (int);
typedef int extended_function (int *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                               char *const[], char *const[], const struct pidfd_spawn_args *, size_t);
typedef int wait_function (int, siginfo_t *, int, struct rusage *);

static struct
{
  spawn_function *spawn, *spawnp;
  fork_function *fork;
  getpid_function *getpid;
  extended_function *extended;
  wait_function *wait;
  bool is_libc;
} library;

static const char *
name_of (int error)
{
#define NAME(name) case name: return #name;
  switch (error)
    {
      NAME (ENOSYS) NAME (EPERM) NAME (EINVAL) NAME (E2BIG) NAME (EBADF) NAME (ENOTTY) NAME (ENOENT) NAME (EACCES)
      NAME (EMFILE) NAME (ENFILE) NAME (ENOMEM) NAME (EAGAIN) NAME (EOPNOTSUPP) NAME (EREMOTE) NAME (ESRCH)
      NAME (ECHILD) NAME (ETIMEDOUT) NAME (EPROTO)
    default:
      return "error";
    }
#undef NAME
}

static void
begin (const char *label)
{
  printf ("  %-22s ", label);
  fflush (stdout);
}

/* Of a feature that was tried: 0, or the error number that says it is not there.  Gives the same. */
static int
report (int error)
{
  if (error == 0)
    printf ("yes\n");
  else
    printf ("no: %s (%s, %d)\n", strerror (error), name_of (error), error);
  return error;
}

static int
reap_by_number (pid_t pid)
{
  int status;
  while (waitpid (pid, &status, 0) < 0)
    if (errno != EINTR)
      return errno;
  return WIFEXITED (status) && WEXITSTATUS (status) == STATUS ? 0 : ECHILD;
}

/* Ends a trial: 0 if that child could be waited for and had a pidfd. */
static int
end_trial (long pid, int pidfd)
{
  int error = reap_by_number ((pid_t) pid);
  /* Before Linux 5.2 CLONE_PIDFD means nothing to clone, and some emulators ignore it. */
  if (pidfd < 0)
    return ENOSYS;
  close (pidfd);
  return error;
}

/* The kernel */

/* What the call that makes a child gave: on sparc that is no 0 in the child. */
static long
made (long result, pid_t caller)
{
  return result > 0 && syscall (SYS_getpid) != caller ? 0 : result;
}

static long
clone_with_pidfd (int *pidfd)
{
  pid_t caller = (pid_t) syscall (SYS_getpid);
  long flags = CLONE_PIDFD | SIGCHLD;
#ifdef __s390__
  /* There the stack comes first. */
  return made (syscall (SYS_clone, 0L, flags, pidfd, 0L, 0L), caller);
#else
  return made (syscall (SYS_clone, flags, 0L, pidfd, 0L, 0L), caller);
#endif
}

/* Makes a child with a pidfd, sees whether that becomes readable, and reaps the child. */
static int
try_clone (int *poll_error)
{
  int pidfd = -1;
  long pid = clone_with_pidfd (&pidfd);
  if (pid < 0)
    return errno;
  if (pid == 0)
    _exit (STATUS);
  struct pollfd entry = { .fd = pidfd, .events = POLLIN };
  if (pidfd >= 0 && *poll_error == 0)
    {
      int ready = poll (&entry, 1, 10000);
      *poll_error = ready > 0 ? 0 : ready < 0 ? errno : ETIMEDOUT;
    }
  return end_trial (pid, pidfd);
}

static int
try_clone3 (uint64_t flags, size_t size)
{
  int pidfd = -1;
  /* No such descriptor can be open. */
  struct clone_arguments arguments
    = { .flags = flags, .pidfd = (uintptr_t) &pidfd, .exit_signal = SIGCHLD, .cgroup = INT_MAX };
  pid_t caller = (pid_t) syscall (SYS_getpid);
  long pid = made (syscall (CALL_CLONE3, &arguments, size), caller);
  if (pid < 0)
    return errno;
  if (pid == 0)
    _exit (STATUS);
  return end_trial (pid, pidfd);
}

/* Kernels without it do not know the flag, or not so large an argument; the others complain of the descriptor. */
static int
try_cgroup (void)
{
  int error = try_clone3 (CLONE_PIDFD | CLONE_INTO_CGROUP, sizeof (struct clone_arguments));
  return error == EBADF ? 0 : error == 0 ? EPROTO : error;
}

static int
try_waitid (void)
{
  siginfo_t info;
  if (waitid (P_PIDFD, INT_MAX, &info, WEXITED | WNOHANG) == 0)
    return EPROTO;
  return errno == EBADF ? 0 : errno;
}

static int
try_information (int pidfd)
{
  struct process_information information = { .mask = 1 };
  if (ioctl (pidfd, PIDFD_GET_INFO, &information) != 0)
    return errno;
  return information.pid == (uint32_t) getpid () ? 0 : EPROTO;
}

static int
try_pidfs (int pidfd)
{
  struct statfs information;
  if (fstatfs (pidfd, &information) != 0)
    return errno;
  return information.f_type == PIDFS ? 0 : ENOSYS;
}

static int
try_procfs (void)
{
  struct statfs information;
  if (statfs ("/proc/thread-self/fdinfo", &information) != 0)
    return errno;
  return information.f_type == PROCFS ? 0 : ENOENT;
}

static void
report_of (int pidfd, int (*trial) (int))
{
  if (pidfd < 0)
    printf ("not tried: pidfd_open fails\n");
  else
    report (trial (pidfd));
}

static int
error_of (long result)
{
  return result < 0 ? errno : 0;
}

struct kernel
{
  int clone_pidfd, waits, polls, clone3, clean_handlers;
};

static struct kernel
examine_kernel (void)
{
  struct kernel kernel;
  printf ("kernel features\n");
  begin ("pidfd_open");
  int own = (int) syscall (CALL_PIDFD_OPEN, getpid (), 0);
  report (error_of (own));

  begin ("CLONE_PIDFD");
  /* A kernel that cannot poll a pidfd says that every one is ready. */
  struct pollfd entry = { .fd = own, .events = POLLIN };
  kernel.polls = own >= 0 && poll (&entry, 1, 0) != 0 ? ENOSYS : 0;
  kernel.clone_pidfd = report (try_clone (&kernel.polls));
  begin ("poll on pidfds");
  if (kernel.clone_pidfd != 0)
    kernel.polls = kernel.clone_pidfd;
  report (kernel.polls);
  begin ("waitid (P_PIDFD)");
  kernel.waits = report (try_waitid ());
  begin ("clone3");
  kernel.clone3 = report (try_clone3 (CLONE_PIDFD, SIZE_WITHOUT_CGROUP));
  begin ("CLONE_CLEAR_SIGHAND");
  kernel.clean_handlers = report (try_clone3 (CLONE_PIDFD | CLONE_CLEAR_SIGHAND, SIZE_WITHOUT_CGROUP));
  begin ("CLONE_INTO_CGROUP");
  report (try_cgroup ());
  begin ("close_range");
  report (error_of (syscall (CALL_CLOSE_RANGE, UINT_MAX, UINT_MAX, 0)));
  begin ("PIDFD_GET_INFO");
  report_of (own, try_information);
  begin ("pidfs");
  report_of (own, try_pidfs);
  begin ("procfs on /proc");
  report (try_procfs ());
  if (own >= 0)
    close (own);
  return kernel;
}

static bool
is_refusal (int error)
{
  return error == ENOSYS || error == EPERM || error == EINVAL || error == E2BIG || error == EACCES;
}

/* By the rules of the library; a C library's own function has others. */
static void
print_way (const struct kernel *kernel)
{
  printf ("\nway of a spawn            ");
  if (library.is_libc)
    printf ("the C library's own; this library would have taken: ");
  else if (!library.spawn)
    printf ("the library would take: ");
  if (kernel->waits != 0)
    printf ("none: the kernel, or a sandbox, has no waitid (P_PIDFD): %s\n", name_of (kernel->waits));
  else if (kernel->clean_handlers == 0)
    printf ("plain: clone3 with CLONE_CLEAR_SIGHAND\n");
  else if (!is_refusal (kernel->clean_handlers))
    printf ("none: clone3 fails: %s\n", name_of (kernel->clean_handlers));
  else if (kernel->clone_pidfd != 0)
    printf ("none: clone3 is refused: %s, and clone gives no pidfd: %s\n", name_of (kernel->clean_handlers),
            name_of (kernel->clone_pidfd));
  else
    printf ("fallback: clone, because %s is refused: %s\n",
            kernel->clone3 == 0 ? "CLONE_CLEAR_SIGHAND" : "clone3", name_of (kernel->clean_handlers));
}

/* The library */

/* POSIX wants functions to have addresses as data has, ISO C knows no conversion between them. */
static void
look_up_one (void *function_pointer, void *handle, const char *name)
{
  void *address = dlsym (handle, name);
  memcpy (function_pointer, &address, sizeof address);
}

static void
look_up (void *handle)
{
  look_up_one (&library.spawn, handle, "pidfd_spawn");
  look_up_one (&library.spawnp, handle, "pidfd_spawnp");
  look_up_one (&library.fork, handle, "pidfd_fork");
  look_up_one (&library.getpid, handle, "pidfd_getpid");
  look_up_one (&library.extended, handle, "pidfd_spawn_ext");
  look_up_one (&library.wait, handle, "pidfd_wait");
}

/* The file that holds an address, without symbolic links where that can be told. */
static bool
file_of (void *address, char path[PATH_MAX])
{
  Dl_info info;
  if (!address || dladdr (address, &info) == 0 || !info.dli_fname || !*info.dli_fname)
    return false;
  if (!realpath (info.dli_fname, path))
    snprintf (path, PATH_MAX, "%s", info.dli_fname);
  return true;
}

/* Whether this program itself asks for a library of that name, by way of the linker. */
static bool
is_needed (const char *prefix)
{
  struct link_map *program;
  void *handle = dlopen (NULL, RTLD_LAZY);
  if (!handle || dlinfo (handle, RTLD_DI_LINKMAP, &program) != 0)
    return false;
  const char *strings = NULL;
  for (const ElfW (Dyn) *entry = program->l_ld; entry->d_tag != DT_NULL; entry++)
    if (entry->d_tag == DT_STRTAB)
      /* glibc has added the address of the program already, musl has not. */
      strings = (const char *) (entry->d_un.d_ptr < program->l_addr ? program->l_addr + entry->d_un.d_ptr
                                                                    : entry->d_un.d_ptr);
  for (const ElfW (Dyn) *entry = program->l_ld; strings && entry->d_tag != DT_NULL; entry++)
    if (entry->d_tag == DT_NEEDED && strncmp (strings + entry->d_un.d_val, prefix, strlen (prefix)) == 0)
      return true;
  return false;
}

#define SONAME "libpidfd_spawn.so.0"

static void
print_version (const char *path)
{
  const char *name = strrchr (path, '/');
  name = name ? name + 1 : path;
  if (strncmp (name, "libpidfd_spawn.so.", 18) == 0 && strchr (name + 18, '.'))
    printf ("version                   %s\n", name + 18);
  else
    printf ("version                   not known: the name of the file does not tell\n");
}

static void
find_library (bool load)
{
  static char path[PATH_MAX], libc[PATH_MAX];
  bool libc_known = file_of (dlsym (RTLD_DEFAULT, "waitid"), libc);
  look_up (RTLD_DEFAULT);
  bool loaded = false;
  /* The function that no C library has. */
  if (load && !library.fork)
    {
      void *handle = dlopen (SONAME, RTLD_NOW);
      if (handle)
        look_up (handle);
      loaded = handle != NULL;
    }
  printf ("library                   ");
  if (!library.spawn)
    {
      printf ("not there: neither preloaded nor linked%s, and the C library has no pidfd_spawn of its own\n",
              load ? ", no " SONAME " is found" : "");
      return;
    }
  void *address;
  memcpy (&address, &library.spawn, sizeof address);
  if (!file_of (address, path))
    {
      printf ("part of this program\n");
      return;
    }
  if (libc_known && strcmp (path, libc) == 0)
    {
      library.is_libc = true;
      printf ("%s: the C library's own functions\n", path);
      return;
    }
  printf ("%s: %s\n", path,
          loaded                            ? "loaded by this program; other programs must link or preload it"
          : is_needed ("libpidfd_spawn.so") ? "linked"
                                            : "preloaded");
  print_version (path);
  void *handle = libc_known ? dlopen (libc, RTLD_LAZY | RTLD_NOLOAD) : NULL;
  if (handle)
    printf ("the C library's own       %s\n",
            dlsym (handle, "pidfd_spawn") ? "has pidfd_spawn too, which the library stands in front of"
                                          : "has no pidfd_spawn");
}

/* The functions */

/* NULL, or what is wrong with the pidfd of a child that exits with STATUS.  Takes the pidfd. */
static const char *
see_end (int pidfd)
{
  if (pidfd < 0)
    return "gave a negative descriptor";
  if (!(fcntl (pidfd, F_GETFD) & FD_CLOEXEC))
    return "the pidfd is not close-on-exec";
  struct pollfd entry = { .fd = pidfd, .events = POLLIN };
  if (poll (&entry, 1, 10000) != 1)
    return "the pidfd does not become readable";
  siginfo_t info;
  if (waitid (P_PIDFD, (id_t) pidfd, &info, WEXITED) != 0)
    return "cannot be waited for";
  close (pidfd);
  if (info.si_code != CLD_EXITED || info.si_status != STATUS)
    return "the child did not end as it should";
  return NULL;
}

static bool
conclude (int error, const char *complaint)
{
  if (error != 0)
    printf ("fails: %s (%s, %d)\n", strerror (error), name_of (error), error);
  else if (complaint)
    printf ("fails: %s\n", complaint);
  else
    printf ("works\n");
  return error == 0 && !complaint;
}

static bool
missing (void)
{
  printf ("not there\n");
  return false;
}

static char exit_with[] = "exit 7", sh[] = "sh", option[] = "-c";
static char *const argv[] = { sh, option, exit_with, NULL };

static bool
try_spawn (const char *label, spawn_function *function, const char *program)
{
  begin (label);
  if (!function)
    return missing ();
  int pidfd = -1;
  int error = function (&pidfd, program, NULL, NULL, argv, environ);
  return conclude (error, error == 0 ? see_end (pidfd) : NULL);
}

static int
make_child (unsigned int flags)
{
  int pidfd = library.fork (flags);
  if (pidfd == 0)
    _exit (STATUS);
  return pidfd;
}

static bool
try_fork (const char *label, unsigned int flags)
{
  begin (label);
  if (!library.fork)
    return missing ();
  int pidfd = make_child (flags);
  return pidfd < 0 ? conclude (errno, NULL) : conclude (0, see_end (pidfd));
}

/* Of a child; where none can be made with a pidfd, of this process. */
static bool
try_getpid (void)
{
  begin ("pidfd_getpid");
  if (!library.getpid)
    return missing ();
  int pidfd = -1;
  long pid = clone_with_pidfd (&pidfd);
  if (pid == 0)
    _exit (STATUS);
  bool own = pidfd < 0;
  if (own)
    pidfd = (int) syscall (CALL_PIDFD_OPEN, getpid (), 0);
  int error = pidfd < 0 ? errno : 0;
  pid_t answer = error == 0 ? library.getpid (pidfd) : -1;
  if (error == 0 && answer < 0)
    error = errno;
  if (pidfd >= 0)
    close (pidfd);
  if (pid > 0)
    reap_by_number ((pid_t) pid);
  return conclude (error, answer == (own ? getpid () : pid) ? NULL : "gave another process ID");
}

/* Starts a program that exits with STATUS, with these arguments and attributes. */
static int
spawn_extended (int *pidfd, const struct pidfd_spawn_args *args, const posix_spawnattr_t *attributes)
{
  const char *program = args->flags & PIDFD_SPAWN_EXEC_FD                                ? NULL
                        : args->flags & (PIDFD_SPAWN_SEARCH | PIDFD_SPAWN_SEARCH_ENVP) ? "sh"
                                                                                       : "/bin/sh";
  return library.extended (pidfd, program, NULL, attributes, argv, environ, args, sizeof *args);
}

static bool
try_extended (void)
{
  begin ("pidfd_spawn_ext");
  if (!library.extended)
    return missing ();
  int pidfd = -1;
  struct pidfd_spawn_args args = { .flags = PIDFD_SPAWN_SETUMASK, .umask = 022 };
  int error = spawn_extended (&pidfd, &args, NULL);
  return conclude (error, error == 0 ? see_end (pidfd) : NULL);
}

/* A child that ends, and a pidfd of it, -1 where there is none. */
static pid_t
make_plain_child (int *pidfd)
{
  *pidfd = -1;
  pid_t pid = fork ();
  if (pid == 0)
    _exit (STATUS);
  if (pid > 0)
    *pidfd = (int) syscall (CALL_PIDFD_OPEN, pid, 0);
  return pid;
}

/* 0 if it tells the end of a child, which somebody else may have waited for before. */
static int
try_status (bool taken, const char **complaint)
{
  int pidfd;
  pid_t pid = make_plain_child (&pidfd);
  int error = pid < 0 || pidfd < 0 ? errno : 0;
  if (pid > 0 && (taken || pidfd < 0))
    reap_by_number (pid);
  if (error != 0)
    return error;
  siginfo_t info;
  memset (&info, 0, sizeof info);
  if (library.wait (pidfd, &info, taken ? WNOHANG : 0, NULL) != 0)
    error = errno;
  else if (info.si_signo != SIGCHLD || info.si_code != CLD_EXITED || info.si_status != STATUS)
    *complaint = "told another end than the child's";
  close (pidfd);
  if (error != 0 && !taken)
    reap_by_number (pid);
  return error;
}

static bool
try_wait (void)
{
  begin ("pidfd_wait");
  if (!library.wait)
    return missing ();
  const char *complaint = NULL;
  int error = try_status (false, &complaint);
  return conclude (error, complaint);
}

/* ---- What pidfd_spawn_ext and pidfd_wait can do here ---- */

/* Of a flag that was tried: 0 if a child was made with it and ended as it should. */
static int
try_with (const struct pidfd_spawn_args *args, const posix_spawnattr_t *attributes)
{
  int pidfd = -1;
  int error = spawn_extended (&pidfd, args, attributes);
  if (error != 0)
    return error;
  if (!(args->flags & (PIDFD_SPAWN_AUTOREAP | PIDFD_SPAWN_KILL_ON_CLOSE)))
    return see_end (pidfd) ? EPROTO : 0;
  /* The kernel reaps it. */
  struct pollfd entry = { .fd = pidfd, .events = POLLIN };
  error = poll (&entry, 1, 10000) == 1 ? 0 : ETIMEDOUT;
  close (pidfd);
  return error;
}

static void
report_flag (const char *name, const struct pidfd_spawn_args *args)
{
  begin (name);
  report (try_with (args, NULL));
}

static void
report_program_by_descriptor (void)
{
  begin ("EXEC_FD");
  struct pidfd_spawn_args args = { .flags = PIDFD_SPAWN_EXEC_FD, .exec_fd = open ("/bin/sh", O_PATH | O_CLOEXEC) };
  report (args.exec_fd < 0 ? errno : try_with (&args, NULL));
  if (args.exec_fd >= 0)
    close (args.exec_fd);
}

static void
report_limits (void)
{
  begin ("SETRLIMITS");
  struct rlimit limit = { 0, 0 };
  getrlimit (RLIMIT_CORE, &limit);
  struct pidfd_spawn_rlimit same
    = { .resource = RLIMIT_CORE, .soft = (uint64_t) limit.rlim_cur, .hard = (uint64_t) limit.rlim_max };
  if (limit.rlim_cur == RLIM_INFINITY)
    same.soft = UINT64_MAX;
  if (limit.rlim_max == RLIM_INFINITY)
    same.hard = UINT64_MAX;
  struct pidfd_spawn_args args = { .flags = PIDFD_SPAWN_SETRLIMITS, .limits = &same, .limit_count = 1 };
  report (try_with (&args, NULL));
}

static void
report_terminal (void)
{
  begin ("SETCTTY");
  int master = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC), terminal = -1;
  char name[64];
  if (master >= 0 && grantpt (master) == 0 && unlockpt (master) == 0 && ptsname_r (master, name, sizeof name) == 0)
    terminal = open (name, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal < 0)
    printf ("not tried: no terminal can be made here\n");
  else
    {
      struct pidfd_spawn_args args = { .flags = PIDFD_SPAWN_SETCTTY, .terminal = terminal };
      posix_spawnattr_t attributes;
      posix_spawnattr_init (&attributes);
      posix_spawnattr_setflags (&attributes, 0x80 /* POSIX_SPAWN_SETSID */);
      report (try_with (&args, &attributes));
      posix_spawnattr_destroy (&attributes);
      close (terminal);
    }
  if (master >= 0)
    close (master);
}

/* No such descriptor can be open, which is what is complained of where the flag can be done. */
static void
report_cgroup (const char *name, uint64_t flags)
{
  begin (name);
  struct pidfd_spawn_args args = { .flags = flags, .cgroup = INT_MAX };
  int error = try_with (&args, NULL);
  report (error == EBADF ? 0 : error == 0 ? EPROTO : error);
}

/* To another ID, or where the caller may not do that to its own. */
static void
report_id (const char *name, struct pidfd_spawn_args *args, uint32_t *id, uint32_t own)
{
  enum { NOBODY = 65534 };
  begin (name);
  *id = NOBODY;
  int error = try_with (args, NULL);
  if (error != 0)
    {
      *id = own;
      if (try_with (args, NULL) == 0)
        {
          printf ("yes, to an ID of the caller's own; to another: %s (%s, %d)\n", strerror (error), name_of (error),
                  error);
          return;
        }
    }
  report (error);
}

static void
report_statuses (void)
{
  begin ("status taken by others");
  const char *complaint = NULL;
  int error = try_status (true, &complaint);
  report (complaint ? EPROTO : error);
}

static void
report_abilities (void)
{
  printf ("\nflags of pidfd_spawn_ext (PIDFD_SPAWN_...)\n");
  if (!library.extended)
    {
      printf ("  not tried: the function is not there\n");
      return;
    }
  sigset_t ignored;
  sigemptyset (&ignored);
  sigaddset (&ignored, SIGPIPE);
  gid_t groups[] = { getgid () };
  struct pidfd_spawn_args ids = { .flags = 0 };

  report_flag ("SEARCH", &(struct pidfd_spawn_args) { .flags = PIDFD_SPAWN_SEARCH });
  report_flag ("SEARCH_ENVP", &(struct pidfd_spawn_args) { .flags = PIDFD_SPAWN_SEARCH_ENVP });
  report_program_by_descriptor ();
  report_flag ("CLOEXEC_FROM", &(struct pidfd_spawn_args) { .flags = PIDFD_SPAWN_CLOEXEC_FROM, .cloexec_from = 3 });
  report_limits ();
  report_flag ("SETUMASK", &(struct pidfd_spawn_args) { .flags = PIDFD_SPAWN_SETUMASK, .umask = 022 });
  report_flag ("SETSIGIGNORE", &(struct pidfd_spawn_args) { .flags = PIDFD_SPAWN_SETSIGIGNORE, .ignore = &ignored });
  report_terminal ();
  report_cgroup ("CGROUP", PIDFD_SPAWN_CGROUP);
  report_cgroup ("CGROUP_MAY_MOVE", PIDFD_SPAWN_CGROUP | PIDFD_SPAWN_CGROUP_MAY_MOVE);
  report_flag ("SETGROUPS",
               &(struct pidfd_spawn_args) { .flags = PIDFD_SPAWN_SETGROUPS, .groups = groups, .group_count = 1 });
  ids.flags = PIDFD_SPAWN_SETGID;
  report_id ("SETGID", &ids, &ids.gid, getgid ());
  ids.flags = PIDFD_SPAWN_SETUID;
  report_id ("SETUID", &ids, &ids.uid, getuid ());
  report_flag ("NO_NEW_PRIVS", &(struct pidfd_spawn_args) { .flags = PIDFD_SPAWN_NO_NEW_PRIVS });
  report_flag ("PDEATHSIG", &(struct pidfd_spawn_args) { .flags = PIDFD_SPAWN_PDEATHSIG, .death_signal = SIGTERM });
  report_flag ("AUTOREAP", &(struct pidfd_spawn_args) { .flags = PIDFD_SPAWN_AUTOREAP });
  report_flag ("KILL_ON_CLOSE",
               &(struct pidfd_spawn_args) { .flags = PIDFD_SPAWN_KILL_ON_CLOSE | PIDFD_SPAWN_NO_NEW_PRIVS });

  printf ("\nwhat pidfd_wait can tell\n");
  if (library.wait)
    report_statuses ();
  else
    printf ("  not tried: the function is not there\n");
}

static bool
try_functions (const struct kernel *kernel)
{
  printf ("\nfunctions\n");
  bool good = try_spawn ("pidfd_spawn", library.spawn, "/bin/sh");
  if (library.spawn && !good && kernel->waits == 0 && kernel->clone_pidfd == 0)
    printf ("  (If it is ENOSYS, the library does not know how this C library keeps attributes and file actions.)\n");
  good &= try_spawn ("pidfd_spawnp", library.spawnp, "sh");
  good &= try_extended ();
  good &= try_wait ();
  good &= try_fork ("pidfd_fork (0)", 0);
  good &= try_fork ("pidfd_fork (ASYNCSAFE)", 1U << 1);
  good &= try_getpid ();
  return good;
}

static void
print_system (void)
{
  struct utsname system;
  const char *(*version) (void);
  static char path[PATH_MAX];
  if (!file_of (dlsym (RTLD_DEFAULT, "waitid"), path))
    strcpy (path, "in this program");
  look_up_one (&version, RTLD_DEFAULT, "gnu_get_libc_version");
  if (version)
    printf ("C library                 glibc %s, %s\n", version (), path);
  else
    printf ("C library                 not glibc, %s\n", path);
  if (uname (&system) == 0)
    printf ("kernel                    %s %s %s\n", system.sysname, system.release, system.machine);
  const char *preload = getenv ("LD_PRELOAD");
  printf ("LD_PRELOAD                %s\n", preload && *preload ? preload : "(not set)");
}

static const char help[]
  = "usage: pidfd-spawn-info [--process-only]\n"
    "\n"
    "Prints the C library, the kernel, which libpidfd_spawn is in use, what the kernel offers, and whether\n"
    "pidfd_spawn, pidfd_spawnp, pidfd_spawn_ext, pidfd_wait, pidfd_fork and pidfd_getpid work here and what\n"
    "pidfd_spawn_ext can be asked for.  Put this into a bug report.\n"
    "\n"
    "  --process-only  do not load " SONAME ": look only at what is preloaded or in the C library,\n"
    "                  which is what a program finds that was not linked with the library\n"
    "\n"
    "The exit status is 0 if all six functions work, 1 if one does not or is not there, 2 for a wrong usage.\n";

int
main (int argc, char **argv)
{
  bool process_only = argc == 2 && strcmp (argv[1], "--process-only") == 0;
  if (argc == 2 && strcmp (argv[1], "--help") == 0)
    {
      fputs (help, stdout);
      return 0;
    }
  if (argc > 1 && !process_only)
    {
      fputs (help, stderr);
      return 2;
    }
  /* Whoever started this program may have ignored it, and then the kernel keeps no exit status for anybody. */
  signal (SIGCHLD, SIG_DFL);

  print_system ();
  find_library (!process_only);
  printf ("\n");
  struct kernel kernel = examine_kernel ();
  print_way (&kernel);
  bool good = try_functions (&kernel);
  report_abilities ();
  printf ("\nresult                    %s\n",
          good             ? "all six functions work"
          : library.spawn ? "not all functions work"
                          : "the functions are not there");
  return fflush (stdout) == 0 && good ? 0 : 1;
}
