/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What pidfd_spawn_ext stands for: a fork, the steps in the contract's order, and an exec.  The child has a copy of the
 * memory; its parent is suspended until it has left, and finds its error in a page that both have. */

#include "by-hand.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIGNALS = 64, HIGHEST_RESOURCE = 15, MOST_GROUPS = 65536, LARGE_FILE = 0100000, HIGHEST_SIZE = 4096 };

#define HAS(flag) ((request->args->flags & PIDFD_SPAWN_##flag) != 0)
#define ASKS(flag) ((request->attribute_flags & POSIX_SPAWN_##flag) != 0)

/* ---- What is refused before there is a child ---- */

/* Whether a structure of that size has the members of its flags. */
static bool
has_members (const struct pidfd_spawn_args *args, size_t size)
{
#define END_OF(member) (offsetof (struct pidfd_spawn_args, member) + sizeof args->member)
  static const struct {
    uint64_t flag;
    size_t end;
  } needs[] = {
    { PIDFD_SPAWN_EXEC_FD, END_OF (exec_fd) },          { PIDFD_SPAWN_CLOEXEC_FROM, END_OF (inherit_count) },
    { PIDFD_SPAWN_SETRLIMITS, END_OF (limit_count) },   { PIDFD_SPAWN_SETSIGIGNORE, END_OF (ignore) },
    { PIDFD_SPAWN_SETUMASK, END_OF (umask) },           { PIDFD_SPAWN_SETCTTY, END_OF (terminal) },
    { PIDFD_SPAWN_CGROUP, END_OF (cgroup) },            { PIDFD_SPAWN_SETGROUPS, END_OF (groups) },
    { PIDFD_SPAWN_SETGID, END_OF (gid) },               { PIDFD_SPAWN_SETUID, END_OF (uid) },
    { PIDFD_SPAWN_PDEATHSIG, END_OF (death_signal) },
  };
  for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
    if ((args->flags & needs[i].flag) && size < needs[i].end)
      return false;
  return true;
}

/* Takes what the caller gave, or returns an error number. */
static int
copy_args (struct pidfd_spawn_args *args, const struct pidfd_spawn_args *given, size_t size)
{
  memset (args, 0, sizeof *args);
  if (size == 0)
    return 0;
  if (!given)
    return EFAULT;
  if (size < sizeof args->flags)
    return EINVAL;
  if (size > HIGHEST_SIZE)
    return E2BIG;
  for (size_t i = sizeof *args; i < size; i++)
    if (((const char *) given)[i])
      return E2BIG;
  memcpy (args, given, size < sizeof *args ? size : sizeof *args);
  return has_members (args, size) ? 0 : EINVAL;
}

static bool
has_valid_arrays (const struct pidfd_spawn_args *args)
{
  uint32_t descriptors = args->flags & PIDFD_SPAWN_CLOEXEC_FROM ? args->inherit_count : 0;
  uint32_t limits = args->flags & PIDFD_SPAWN_SETRLIMITS ? args->limit_count : 0;
  uint32_t groups = args->flags & PIDFD_SPAWN_SETGROUPS ? args->group_count : 0;
  if ((descriptors && !args->inherit) || (limits && !args->limits) || (groups && !args->groups)
      || groups > MOST_GROUPS)
    return false;
  bool valid = true;
  for (uint32_t i = 0; i < descriptors; i++)
    valid &= args->inherit[i] >= 0;
  for (uint32_t i = 0; i < limits; i++)
    valid &= args->limits[i].resource <= HIGHEST_RESOURCE && args->limits[i].reserved == 0;
  for (uint32_t i = 0; i < groups; i++)
    valid &= args->groups[i] != (gid_t) -1;
  return valid;
}

static bool
is_valid (const struct request *request)
{
  const struct pidfd_spawn_args *args = request->args;
  return args->flags < PIDFD_SPAWN_KILL_ON_CLOSE << 1 && args->reserved == 0
         && (HAS (EXEC_FD) + HAS (SEARCH) + HAS (SEARCH_ENVP)) <= 1 && HAS (EXEC_FD) == !request->file
         && (!HAS (EXEC_FD) || args->exec_fd >= 0) && (!HAS (CLOEXEC_FROM) || args->cloexec_from >= 0)
         && has_valid_arrays (args) && (!HAS (SETUMASK) || args->umask <= 0777)
         && (!HAS (SETSIGIGNORE) || args->ignore) && (!HAS (CGROUP_MAY_MOVE) || HAS (CGROUP))
         && (!HAS (SETCTTY) || (args->terminal >= 0 && ASKS (SETSID))) && (!HAS (CGROUP) || args->cgroup >= 0)
         && (!HAS (SETGID) || args->gid != (uint32_t) -1) && (!HAS (SETUID) || args->uid != (uint32_t) -1)
         && (!HAS (PDEATHSIG) || (args->death_signal >= 1 && args->death_signal <= SIGNALS))
         && (request->attribute_flags & ~0x1ffU) == 0;
}

/* Whether the program gets the signal of its parent's death: the kernel sends it with the parent's permissions. */
static bool
may_send_death_signal (const struct request *request)
{
  const struct pidfd_spawn_args *args = request->args;
  if (!HAS (PDEATHSIG) || !HAS (SETUID) || args->uid == getuid () || args->uid == geteuid ())
    return true;
  struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
  struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
  return syscall (SYS_capget, &header, sets) == 0 && (sets[0].effective & CAP_TO_MASK (CAP_KILL));
}

/* Whether a child can be born in a cgroup.  None is: no descriptor has that number. */
static bool
has_births_in_cgroups (void)
{
  /* struct clone_args as of Linux 5.7. */
  uint64_t arguments[11] = { [0] = 1ULL << 33 /* CLONE_INTO_CGROUP */, [4] = SIGCHLD, [10] = INT_MAX };
  return syscall (SYS_clone3, arguments, sizeof arguments) == -1 && errno == EBADF;
}

/* ---- The child ---- */

/* Shared with the child. */
static int *child_error;

_Noreturn static void
give_up (int error)
{
  *child_error = error;
  syscall (SYS_exit_group, 127);
  abort ();
}

/* The result of a step, or the end. */
static long
must (long result)
{
  if (result < 0)
    give_up (errno);
  return result;
}

static bool
is_in (uint64_t set, int signal)
{
  return set >> (signal - 1) & 1;
}

static uint64_t
set_mask (uint64_t mask)
{
  uint64_t before = 0;
  syscall (SYS_rt_sigprocmask, SIG_SETMASK, &mask, &before, 8);
  return before;
}

static struct kernel_action
change_disposition (int signal, const struct kernel_action *action)
{
  struct kernel_action before = { NULL, 0, NULL, 0 };
  must (syscall (SYS_rt_sigaction, signal, action, &before, 8));
  return before;
}

static void
set_dispositions (const struct request *request)
{
  static const struct kernel_action by_default, ignored = { .handler = (void *) SIG_IGN };
  uint64_t wanted = ASKS (SETSIGDEF) ? request->defaults : 0, ignore = 0;
  if (HAS (SETSIGIGNORE))
    memcpy (&ignore, request->args->ignore, sizeof ignore);
  for (int signal = 1; signal <= SIGNALS; signal++)
    if (signal != SIGKILL && signal != SIGSTOP)
      {
        void *handler = change_disposition (signal, NULL).handler;
        if (is_in (wanted, signal) || (handler && handler != (void *) SIG_IGN))
          change_disposition (signal, &by_default);
        if (is_in (ignore, signal))
          change_disposition (signal, &ignored);
      }
}

static void
move_to_cgroup (int directory)
{
  long fd = must (syscall (SYS_openat, directory, "cgroup.procs", O_WRONLY | O_CLOEXEC));
  must (write ((int) fd, "0", 1));
  close ((int) fd);
}

static void
open_at (const struct step *step)
{
  close (step->fd);
  int opened = (int) must (syscall (SYS_openat, AT_FDCWD, step->path, step->flags | LARGE_FILE, step->mode));
  if (opened != step->fd)
    {
      must (dup3 (opened, step->fd, 0));
      close (opened);
    }
}

static void
close_one (int fd)
{
  struct rlimit limit = { 0, 0 };
  getrlimit (RLIMIT_NOFILE, &limit);
  if (close (fd) != 0 && (fd < 0 || (rlim_t) fd >= limit.rlim_cur))
    give_up (EBADF);
}

static void
inherit (int fd)
{
  must (fcntl (fd, F_SETFD, must (fcntl (fd, F_GETFD)) & ~FD_CLOEXEC));
}

static void
mark_close_on_exec (int first)
{
  if (syscall (SYS_close_range, first, ~0U, 1U << 2 /* CLOSE_RANGE_CLOEXEC, Linux 5.11 */) == 0)
    return;
  for (int fd = first; fd < 2 * DESCRIPTORS; fd++)
    if (fcntl (fd, F_GETFD) >= 0)
      must (fcntl (fd, F_SETFD, FD_CLOEXEC));
}

static void
take_step (const struct step *step)
{
  pid_t group = (pid_t) syscall (SYS_getpgid, 0);
  switch (step->kind)
    {
    case STEP_CLOSE:
      close_one (step->fd);
      break;
    case STEP_DUP2:
      if (step->fd == step->to)
        inherit (step->fd);
      else
        must (dup3 (step->fd, step->to, 0));
      break;
    case STEP_OPEN:
      open_at (step);
      break;
    case STEP_CHDIR:
      must (chdir (step->path));
      break;
    case STEP_FCHDIR:
      must (fchdir (step->fd));
      break;
    case STEP_CLOSEFROM:
      if (step->fd < 0)
        give_up (EBADF);
      must (syscall (SYS_close_range, step->fd, ~0U, 0));
      break;
    case STEP_TCSETPGRP:
      must (ioctl (step->fd, TIOCSPGRP, &group));
      break;
    }
}

static void
set_credentials (const struct request *request, pid_t parent)
{
  const struct pidfd_spawn_args *args = request->args;
  if (HAS (SETGROUPS))
    must (syscall (SYS_setgroups, args->group_count, args->groups));
  if (HAS (SETGID))
    must (syscall (SYS_setresgid, args->gid, args->gid, args->gid));
  if (HAS (SETUID))
    must (syscall (SYS_setresuid, args->uid, args->uid, args->uid));
  if (HAS (NO_NEW_PRIVS))
    must (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  if (!HAS (PDEATHSIG))
    return;
  must (prctl (PR_SET_PDEATHSIG, args->death_signal, 0, 0, 0));
  if (syscall (SYS_getppid) != parent)
    give_up (ESRCH);
  /* The exec would take it away. */
  if ((!HAS (SETUID) && getuid () != geteuid ()) || (!HAS (SETGID) && getgid () != getegid ()))
    give_up (EOPNOTSUPP);
}

/* The search of execvp, as POSIX wants it of posix_spawnp. */
static int
search (const char *name, const char *path, char *const argv[], char *const envp[])
{
  static char candidate[PATH_MAX + NAME_MAX + 2];
  bool denied = false;
  int error = ENOENT;
  if (strchr (name, '/'))
    {
      syscall (SYS_execve, name, argv, envp);
      return errno;
    }
  if (!*name)
    return ENOENT;
  if (strlen (name) > NAME_MAX)
    return ENAMETOOLONG;
  for (;; path++)
    {
      size_t length = strcspn (path, ":");
      if (length < PATH_MAX)
        {
          memcpy (candidate, path, length);
          strcpy (candidate + length, length > 0 ? "/" : "");
          strcat (candidate, name);
          syscall (SYS_execve, candidate, argv, envp);
          error = errno;
          denied |= error == EACCES;
          if (error != EACCES && error != ENOENT && error != ENOTDIR && error != ESTALE && error != ENODEV
              && error != ETIMEDOUT)
            return error;
        }
      path += length;
      if (!*path)
        return denied ? EACCES : error;
    }
}

static const char *
search_path (const struct request *request)
{
  static const char key[] = "PATH=", standard[] = "/bin:/usr/bin";
  for (char *const *entry = HAS (SEARCH) ? environ : request->envp; entry && *entry; entry++)
    if (strncmp (*entry, key, sizeof key - 1) == 0)
      return *entry + sizeof key - 1;
  return standard;
}

static int
execute (const struct request *request)
{
  if (HAS (SEARCH) || HAS (SEARCH_ENVP))
    return search (request->file, search_path (request), request->argv, request->envp);
  if (HAS (EXEC_FD))
    syscall (SYS_execveat, request->args->exec_fd, "", request->argv, request->envp, AT_EMPTY_PATH);
  else
    syscall (SYS_execve, request->file, request->argv, request->envp);
  return errno;
}

_Noreturn static void
be_child (const struct request *request, pid_t parent)
{
  const struct pidfd_spawn_args *args = request->args;
  uint64_t mask = set_mask (~(uint64_t) 0);
  if (HAS (CGROUP))
    move_to_cgroup (args->cgroup);
  set_dispositions (request);
  if (ASKS (SETSCHEDULER))
    must (syscall (SYS_sched_setscheduler, 0, request->policy, &request->priority));
  else if (ASKS (SETSCHEDPARAM))
    must (syscall (SYS_sched_setparam, 0, &request->priority));
  if (ASKS (SETSID))
    must (setsid ());
  if (ASKS (SETPGROUP))
    must (setpgid (0, request->group));
  if (HAS (SETCTTY))
    must (ioctl (args->terminal, TIOCSCTTY, 0));
  if (ASKS (RESETIDS))
    {
      must (syscall (SYS_setresuid, -1, getuid (), -1));
      must (syscall (SYS_setresgid, -1, getgid (), -1));
    }
  if (HAS (SETUMASK))
    umask (args->umask);
  if (HAS (CLOEXEC_FROM))
    {
      mark_close_on_exec (args->cloexec_from);
      for (uint32_t i = 0; i < args->inherit_count; i++)
        inherit (args->inherit[i]);
    }
  for (size_t i = 0; i < request->step_count; i++)
    take_step (&request->steps[i]);
  if (HAS (SETRLIMITS))
    for (uint32_t i = 0; i < args->limit_count; i++)
      must (syscall (SYS_prlimit64, 0, args->limits[i].resource, &args->limits[i].soft, NULL));
  set_credentials (request, parent);
  set_mask (ASKS (SETSIGMASK) ? request->mask : mask);
  give_up (execute (request));
}

/* ---- The parent ---- */

static int
start (int *pidfd, const struct request *request)
{
  if (!is_valid (request))
    return EINVAL;
  if (!may_send_death_signal (request))
    return EPERM;
  if (HAS (CGROUP) && !HAS (CGROUP_MAY_MOVE) && !has_births_in_cgroups ())
    return EOPNOTSUPP;
  int fd = -1;
  pid_t parent = getpid ();
  *child_error = 0;
  /* The call needs a number for a pidfd also if that is not wanted.  These arguments have other places
     on some architectures, where the tester is not run. */
  long pid = syscall (SYS_clone, CLONE_VFORK | SIGCHLD | CLONE_PIDFD_, 0, &fd, 0, 0);
  if (pid == 0)
    be_child (request, parent);
  if (pid < 0)
    return errno;
  if (*child_error)
    {
      siginfo_t info;
      while (waitid (P_PID, (id_t) pid, &info, WEXITED | __WALL) != 0 && errno == EINTR)
        continue;
      close (fd);
      return *child_error;
    }
  if (pidfd)
    *pidfd = fd;
  else
    close (fd);
  return 0;
}

int
spawn_by_hand (int *pidfd, const struct request *request)
{
  int before = errno, state;
  /* Many of the functions are cancellation points, in the child too. */
  pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, &state);
  struct pidfd_spawn_args args;
  struct request copy = *request;
  copy.args = &args;
  int error = copy_args (&args, request->args, request->size);
  if (error == 0)
    error = start (pidfd, &copy);
  pthread_setcancelstate (state, NULL);
  errno = error ? error : before;
  return error;
}

bool
prepare_by_hand (void)
{
  child_error = mmap (NULL, sizeof *child_error, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return child_error != MAP_FAILED;
}
