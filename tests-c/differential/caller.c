/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The caller of a case: a process of its own that makes itself what the case says, calls the implementation's function
 * and writes down what came of it: the answer, the child's end, and what of the caller is not as before. */

#include "by-hand.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STRINGS = 64, SIGNALS = 64, NO_SUCH_GROUP = 0x3fffffff, UNTOUCHED = -7 };

/* Where glibc keeps them in a posix_spawnattr_t, counted in ints. */
enum { POLICY_WORD = 67, CGROUP_WORD = 68 };

typedef int spawn_function (int *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                            char *const[], char *const[]);

static spawn_function *spawn_path, *spawn_search;

/* A pidfd of posix_spawn's child could come too late, when the child is gone already.  One of the caller itself takes
   the same number and has the same flags. */
static int
with_pidfd (int error, int *pidfd)
{
  int before = errno;
  if (error == 0 && pidfd)
    *pidfd = (int) syscall (SYS_pidfd_open, getpid (), 0);
  errno = before;
  return error;
}

static int
reference_spawn (int *pidfd, const char *path, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
  pid_t pid;
  return with_pidfd (posix_spawn (&pid, path, actions, attributes, argv, envp), pidfd);
}

static int
reference_spawnp (int *pidfd, const char *file, const posix_spawn_file_actions_t *actions,
                  const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
  pid_t pid;
  return with_pidfd (posix_spawnp (&pid, file, actions, attributes, argv, envp), pidfd);
}

/* With arguments: the library's own function, or the same by hand. */

typedef int extended_function (int *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                               char *const[], char *const[], const struct pidfd_spawn_args *, size_t);

static extended_function *spawn_extended;
static struct pidfd_spawn_args args;
static struct request request;

/* As it is passed on, with room for members of tomorrow. */
static union {
  struct pidfd_spawn_args args;
  char bytes[5000];
} given;
static size_t size = sizeof args;
static bool null_arguments;

static const struct pidfd_spawn_args *
given_args (void)
{
  return null_arguments ? NULL : &given.args;
}

static int
extended_spawn (int *pidfd, const char *path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
  return spawn_extended (pidfd, path, actions, attributes, argv, envp, given_args (), size);
}

static int
spawn_with_request (int *pidfd, const char *path, const posix_spawn_file_actions_t *actions,
                    const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
  request.file = path;
  request.argv = argv;
  request.envp = envp;
  request.args = given_args ();
  request.size = size;
  if (!actions)
    request.step_count = 0;
  if (!attributes)
    request.attribute_flags = 0;
  return spawn_by_hand (pidfd, &request);
}

bool
find_functions (enum implementation implementation, const char *library)
{
  /* Cancellation loads this; it must not need a descriptor then. */
  dlopen ("libgcc_s.so.1", RTLD_NOW);
  spawn_path = reference_spawn;
  spawn_search = reference_spawnp;
  if (implementation == POSIX_SPAWN)
    return true;
  if (implementation == BY_HAND)
    {
      spawn_path = spawn_search = spawn_with_request;
      return prepare_by_hand ();
    }
  /* By its handle, so that each implementation's function is its own whatever else is loaded. */
  void *handle = implementation == LIBC ? dlopen ("libc.so.6", RTLD_NOW) : dlopen (library, RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return false;
  if (implementation == EXTENDED)
    {
      spawn_path = spawn_search = extended_spawn;
      spawn_extended = (extended_function *) dlsym (handle, "pidfd_spawn_ext");
      return spawn_extended;
    }
  spawn_path = (spawn_function *) dlsym (handle, "pidfd_spawn");
  spawn_search = (spawn_function *) dlsym (handle, "pidfd_spawnp");
  return spawn_path && spawn_search;
}

void
warm_up (void)
{
  char *nothing[] = { NULL };
  int pidfd;
  spawn_path (&pidfd, "/nonexistent", NULL, NULL, nothing, nothing);
}

/* ---- The settings of a case ---- */

struct strings {
  char *strings[STRINGS + 1];
  size_t count;
};

static const char *root;
static struct text *result;

static bool search, threaded, requested, null_pidfd, null_actions, null_attributes, null_environment;
static int cancel_state, cancel_type, cgroup = -1, terminal = -1;
static char *program;
static struct strings arguments, child_environment, environment;
static struct text search_path;

static posix_spawn_file_actions_t actions;
static posix_spawnattr_t attributes;
static unsigned int attribute_flags;
static sigset_t attribute_mask, attribute_default;

static volatile int handled[SIGNALS + 1];

struct word {
  const char *word;
  int value;
};

static int
number (const struct word *words, const char *text)
{
  for (; words->word; words++)
    if (strcmp (words->word, text) == 0)
      return words->value;
  return (int) strtol (text, NULL, 0);
}

/* Several words with a bar between them. */
static int
numbers (const struct word *words, const char *text)
{
  char copy[256];
  int sum = 0;
  snprintf (copy, sizeof copy, "%s", text);
  for (char *word = strtok (copy, "|"); word; word = strtok (NULL, "|"))
    sum |= number (words, word);
  return sum;
}

static const struct word open_flags[] = {
  { "RDONLY", O_RDONLY }, { "WRONLY", O_WRONLY },     { "RDWR", O_RDWR },         { "CREAT", O_CREAT },
  { "EXCL", O_EXCL },     { "TRUNC", O_TRUNC },       { "APPEND", O_APPEND },     { "NONBLOCK", O_NONBLOCK },
  { "CLOEXEC", O_CLOEXEC }, { "DIRECTORY", O_DIRECTORY }, { "NOFOLLOW", O_NOFOLLOW }, { "PATH", O_PATH },
  { NULL, 0 },
};

static const struct word flag_words[] = {
  { "RESETIDS", 0x01 },      { "SETPGROUP", 0x02 },    { "SETSIGDEF", 0x04 }, { "SETSIGMASK", 0x08 },
  { "SETSCHEDPARAM", 0x10 }, { "SETSCHEDULER", 0x20 }, { "USEVFORK", 0x40 },  { "SETSID", 0x80 },
  { "SETCGROUP", 0x100 },    { NULL, 0 },
};

/* The settings return an error number or set errno and return -1; `value` is the rest of the line. */

static int
set_call (char *value)
{
  search = strcmp (value, "spawnp") == 0;
  return 0;
}

static int
set_program (char *value)
{
  program = decode (value, root);
  return 0;
}

static int
set_null (char *value)
{
  null_pidfd |= strcmp (value, "pidfd") == 0;
  null_actions |= strcmp (value, "actions") == 0;
  null_attributes |= strcmp (value, "attributes") == 0;
  null_environment |= strcmp (value, "environment") == 0;
  null_arguments |= strcmp (value, "arguments") == 0;
  if (strcmp (value, "inherit") == 0)
    args.inherit = NULL;
  if (strcmp (value, "limits") == 0)
    args.limits = NULL;
  if (strcmp (value, "groups") == 0)
    args.groups = NULL;
  if (strcmp (value, "ignore") == 0)
    {
      args.flags |= PIDFD_SPAWN_SETSIGIGNORE;
      args.ignore = NULL;
    }
  return 0;
}

static int
append (struct strings *strings, const char *value)
{
  if (strings->count < STRINGS)
    strings->strings[strings->count++] = decode (value, root);
  return 0;
}

static int
set_argument (char *value)
{
  return append (&arguments, value);
}

static int
set_environment (char *value)
{
  return append (&child_environment, value);
}

static int
set_variable (char *value)
{
  return append (&environment, value);
}

static int
set_search_path (char *value)
{
  char *element = decode (value, root);
  add (&search_path, "%s%s", search_path.data ? ":" : "PATH=", element);
  free (element);
  return 0;
}

static int
set_flag (char *value)
{
  attribute_flags |= (unsigned int) number (flag_words, value);
  return 0;
}

static int
set_group (char *value)
{
  const struct word words[] = { { "caller", getpid () },
                                { "outside", getpgid (getppid ()) },
                                { "none", NO_SUCH_GROUP },
                                { NULL, 0 } };
  request.group = number (words, value);
  return posix_spawnattr_setpgroup (&attributes, request.group);
}

/* Also the two signals that glibc's sigaddset refuses because it keeps them for itself. */
static int
add_signal (sigset_t *set, const char *value)
{
  int signal = atoi (value);
  if (signal >= 1 && signal <= SIGNALS)
    *(uint64_t *) set |= (uint64_t) 1 << (signal - 1);
  return 0;
}

static int
set_default (char *value)
{
  return add_signal (&attribute_default, value);
}

static int
set_mask (char *value)
{
  return add_signal (&attribute_mask, value);
}

static int
set_priority (char *value)
{
  struct sched_param param = { .sched_priority = request.priority = atoi (value) };
  return posix_spawnattr_setschedparam (&attributes, &param);
}

/* glibc's function knows three policies; the kernel, which is to judge, has more. */
static int
set_policy (char *value)
{
  int policy = request.policy = (int) strtol (value, NULL, 0);
  if (posix_spawnattr_setschedpolicy (&attributes, policy) != 0)
    ((int *) &attributes)[POLICY_WORD] = policy;
  return 0;
}

/* A libc that has no such attribute keeps nothing else in its place. */
static int
set_cgroup (char *value)
{
  const struct word words[] = { { "own", CGROUP_DESCRIPTOR }, { NULL, 0 } };
  ((int *) &attributes)[CGROUP_WORD] = number (words, value);
  return 0;
}

/* Of what the libc has taken, for the implementation by hand. */
static int
note (int error, struct step step)
{
  if (error == 0 && request.step_count < sizeof request.steps / sizeof *request.steps)
    request.steps[request.step_count++] = step;
  return error;
}

static int
action_close (char *value)
{
  int fd = atoi (value);
  return note (posix_spawn_file_actions_addclose (&actions, fd), (struct step) { STEP_CLOSE, .fd = fd });
}

static int
action_dup2 (char *value)
{
  int from = 0, to = 0;
  sscanf (value, "%d %d", &from, &to);
  return note (posix_spawn_file_actions_adddup2 (&actions, from, to),
               (struct step) { STEP_DUP2, .fd = from, .to = to });
}

/* "N FLAGS M STRING": the number of an action and a mode, or of a setting and an offset. */
static char *
open_arguments (const char *value, int *fd, int *flags, int *third)
{
  char words[128] = "";
  int used = 0;
  sscanf (value, "%d %127s %i%n", fd, words, third, &used);
  *flags = numbers (open_flags, words);
  return decode (value + used + (value[used] == ' '), root);
}

static int
action_open (char *value)
{
  int fd = 0, flags = 0, mode = 0;
  char *path = open_arguments (value, &fd, &flags, &mode);
  return note (posix_spawn_file_actions_addopen (&actions, fd, path, flags, (mode_t) mode),
               (struct step) { STEP_OPEN, .fd = fd, .flags = flags, .mode = (mode_t) mode, .path = path });
}

static int
action_chdir (char *value)
{
  char *path = decode (value, root);
  return note (posix_spawn_file_actions_addchdir_np (&actions, path), (struct step) { STEP_CHDIR, .path = path });
}

static int
action_fchdir (char *value)
{
  int fd = atoi (value);
  return note (posix_spawn_file_actions_addfchdir_np (&actions, fd), (struct step) { STEP_FCHDIR, .fd = fd });
}

static int
action_closefrom (char *value)
{
#if __GLIBC_PREREQ (2, 34)
  int fd = atoi (value);
  return note (posix_spawn_file_actions_addclosefrom_np (&actions, fd), (struct step) { STEP_CLOSEFROM, .fd = fd });
#else
  (void) value;
  return ENOSYS;
#endif
}

static int
action_tcsetpgrp (char *value)
{
#if __GLIBC_PREREQ (2, 35)
  int fd = atoi (value);
  return note (posix_spawn_file_actions_addtcsetpgrp_np (&actions, fd), (struct step) { STEP_TCSETPGRP, .fd = fd });
#else
  (void) value;
  return ENOSYS;
#endif
}

static int
place (int opened, int fd, int flags)
{
  if (opened < 0)
    return -1;
  if (opened == fd)
    return fcntl (fd, F_SETFD, flags & O_CLOEXEC ? FD_CLOEXEC : 0);
  int error = dup3 (opened, fd, flags & O_CLOEXEC);
  close (opened);
  return error < 0 ? -1 : 0;
}

static int
set_descriptor (char *value)
{
  int fd = 0, flags = 0, offset = 0;
  char *path = open_arguments (value, &fd, &flags, &offset);
  int error = place (open (path, flags, 0644), fd, flags);
  if (error == 0 && offset)
    lseek (fd, offset, SEEK_SET);
  free (path);
  return error;
}

static int
set_duplicate (char *value)
{
  int from = 0, to = 0;
  char flags[16] = "0";
  sscanf (value, "%d %d %15s", &from, &to, flags);
  return dup3 (from, to, numbers (open_flags, flags) & O_CLOEXEC) < 0 ? -1 : 0;
}

static int
set_pipe (char *value)
{
  int from = 0, to = 0, ends[2];
  sscanf (value, "%d %d", &from, &to);
  if (pipe (ends) != 0)
    return -1;
  /* The first place may be where the other end is. */
  int writer = fcntl (ends[1], F_DUPFD, DESCRIPTORS / 2);
  close (ends[1]);
  return place (ends[0], from, 0) | place (writer, to, 0);
}

/* A controlling terminal: its number, and that of the other side, which has to stay open. */
static int
set_terminal (char *value)
{
  int master = 0, unlock = 0;
  sscanf (value, "%d %d", &terminal, &master);
  if (setsid () < 0)
    return -1;
  int opened = open ("/dev/ptmx", O_RDWR | O_NOCTTY);
  if (place (opened, master, 0) != 0 || ioctl (master, TIOCSPTLCK, &unlock) != 0)
    return -1;
  int other = ioctl (master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
  return ioctl (other, TIOCSCTTY, 0) | place (other, terminal, 0);
}

/* One that is no session's. */
static int
set_new_terminal (char *value)
{
  int free_terminal = 0, master = 0, unlock = 0;
  sscanf (value, "%d %d", &free_terminal, &master);
  int opened = open ("/dev/ptmx", O_RDWR | O_NOCTTY);
  if (place (opened, master, 0) != 0 || ioctl (master, TIOCSPTLCK, &unlock) != 0)
    return -1;
  return place (ioctl (master, TIOCGPTPEER, O_RDWR | O_NOCTTY), free_terminal, 0);
}

static int
set_session (char *value)
{
  (void) value;
  return setsid () < 0 ? -1 : 0;
}

static int
set_descriptor_limit (char *value)
{
  struct rlimit limit;
  unsigned int soft = DESCRIPTORS, hard = DESCRIPTORS;
  sscanf (value, "%u %u", &soft, &hard);
  limit.rlim_cur = soft;
  limit.rlim_max = hard;
  return setrlimit (RLIMIT_NOFILE, &limit);
}

static int
set_core_limit (char *value)
{
  struct rlimit limit = { 0, (rlim_t) atoi (value) };
  return setrlimit (RLIMIT_CORE, &limit);
}

/* No number is free. */
static int
set_full (char *value)
{
  (void) value;
  while (open ("/dev/null", O_RDWR | O_CLOEXEC) >= 0)
    continue;
  return 0;
}

static int
set_umask (char *value)
{
  umask ((mode_t) strtol (value, NULL, 8));
  return 0;
}

static int
set_directory (char *value)
{
  char *path = decode (value, root);
  int error = chdir (path);
  /* A directory that is removed while somebody is in it. */
  if (strstr (path, "/gone"))
    rmdir (path);
  free (path);
  return error;
}

static int
set_nice (char *value)
{
  return setpriority (PRIO_PROCESS, 0, atoi (value));
}

static int
set_scheduler (char *value)
{
  int policy = 0;
  struct sched_param param = { 0 };
  sscanf (value, "%i %d", &policy, &param.sched_priority);
  return sched_setscheduler (0, policy, &param);
}

static int
set_ids (char *value)
{
  int ids[4] = { 0, 0, 0, 0 };
  sscanf (value, "%d %d %d %d", &ids[0], &ids[1], &ids[2], &ids[3]);
  if (geteuid () != 0)
    return 0;
  /* The system calls, so that no libc has its helper signal installed by it. */
  return (int) (syscall (SYS_setresgid, ids[2], ids[3], -1) | syscall (SYS_setresuid, ids[0], ids[1], -1));
}

static void
handler (int signal)
{
  handled[signal]++;
}

static int
dispose (const char *value, void (*disposition) (int), int flags)
{
  int signal = atoi (value);
  struct sigaction change = { .sa_handler = disposition, .sa_flags = flags };
  if (sigaction (signal, &change, NULL) == 0)
    return 0;
  /* The libc's own signals, which nobody sends here. */
  struct kernel_action raw = { (void *) disposition, 0, NULL, 0 };
  return (int) syscall (SYS_rt_sigaction, signal, &raw, NULL, 8);
}

static int
set_ignored (char *value)
{
  return dispose (value, SIG_IGN, 0);
}

static int
set_handled (char *value)
{
  return dispose (value, handler, 0);
}

static int
set_children_not_waited (char *value)
{
  (void) value;
  return dispose ("17", SIG_DFL, SA_NOCLDWAIT);
}

static int
set_blocked (char *value)
{
  sigset_t set;
  memset (&set, 0, sizeof set);
  add_signal (&set, value);
  return (int) syscall (SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 8);
}

static int
set_pending (char *value)
{
  uint64_t blocked = 0;
  syscall (SYS_rt_sigprocmask, SIG_BLOCK, NULL, &blocked, 8);
  int signal = atoi (value);
  return blocked >> (signal - 1) & 1 ? kill (getpid (), signal) : 0;
}

static int
set_cancellation (char *value)
{
  if (strcmp (value, "disabled") == 0)
    cancel_state = PTHREAD_CANCEL_DISABLE;
  if (strcmp (value, "asynchronous") == 0)
    cancel_type = PTHREAD_CANCEL_ASYNCHRONOUS;
  if (strcmp (value, "requested") == 0)
    requested = true;
  return 0;
}

static int
set_thread (char *value)
{
  (void) value;
  threaded = true;
  return 0;
}

static int
set_dumpable (char *value)
{
  return prctl (PR_SET_DUMPABLE, atoi (value), 0, 0, 0);
}

/* The arguments of pidfd_spawn_ext. */

enum { MOST = 16 };

static int
set_program_descriptor (char *value)
{
  args.flags |= PIDFD_SPAWN_EXEC_FD;
  args.exec_fd = atoi (value);
  program = NULL;
  return 0;
}

static int
set_search_of_child (char *value)
{
  (void) value;
  args.flags |= PIDFD_SPAWN_SEARCH_ENVP;
  return 0;
}

static int
set_cloexec_from (char *value)
{
  args.flags |= PIDFD_SPAWN_CLOEXEC_FROM;
  args.cloexec_from = atoi (value);
  return 0;
}

static int
set_inherit (char *value)
{
  static int inherited[MOST];
  args.inherit = inherited;
  if (args.inherit_count < MOST)
    inherited[args.inherit_count++] = atoi (value);
  return 0;
}

static int
set_limit (char *value)
{
  static struct pidfd_spawn_rlimit limits[MOST];
  long long soft = 0, hard = 0;
  args.flags |= PIDFD_SPAWN_SETRLIMITS;
  args.limits = limits;
  if (args.limit_count == MOST)
    return 0;
  struct pidfd_spawn_rlimit *limit = &limits[args.limit_count++];
  sscanf (value, "%u %lld %lld %u", &limit->resource, &soft, &hard, &limit->reserved);
  limit->soft = (uint64_t) soft;
  limit->hard = (uint64_t) hard;
  return 0;
}

static int
set_file_mask (char *value)
{
  args.flags |= PIDFD_SPAWN_SETUMASK;
  args.umask = (uint32_t) strtol (value, NULL, 8);
  return 0;
}

static int
set_ignore (char *value)
{
  static sigset_t ignore;
  args.flags |= PIDFD_SPAWN_SETSIGIGNORE;
  args.ignore = &ignore;
  return add_signal (&ignore, value);
}

static int
set_take_terminal (char *value)
{
  args.flags |= PIDFD_SPAWN_SETCTTY;
  args.terminal = atoi (value);
  return 0;
}

/* Who may not move there has no child at all, or by hand one that fails and is heard of by SIGCHLD. */
static int
set_join (char *value)
{
  (void) value;
  if (faccessat (CGROUP_DESCRIPTOR, "cgroup.procs", W_OK, AT_EACCESS) != 0)
    return -1;
  args.flags |= PIDFD_SPAWN_CGROUP;
  args.cgroup = CGROUP_DESCRIPTOR;
  return 0;
}

static int
set_may_move (char *value)
{
  (void) value;
  args.flags |= PIDFD_SPAWN_CGROUP_MAY_MOVE;
  return 0;
}

static int
set_groups (char *value)
{
  (void) value;
  args.flags |= PIDFD_SPAWN_SETGROUPS;
  return 0;
}

static int
set_supplementary (char *value)
{
  static gid_t groups[MOST];
  args.groups = groups;
  if (args.group_count < MOST)
    groups[args.group_count++] = (gid_t) atoi (value);
  return 0;
}

static int
set_to_group (char *value)
{
  args.flags |= PIDFD_SPAWN_SETGID;
  args.gid = (uint32_t) atoi (value);
  return 0;
}

static int
set_to_user (char *value)
{
  args.flags |= PIDFD_SPAWN_SETUID;
  args.uid = (uint32_t) atoi (value);
  return 0;
}

static int
set_no_new_privileges (char *value)
{
  (void) value;
  args.flags |= PIDFD_SPAWN_NO_NEW_PRIVS;
  return 0;
}

static int
set_death_signal (char *value)
{
  args.flags |= PIDFD_SPAWN_PDEATHSIG;
  args.death_signal = atoi (value);
  return 0;
}

/* One that nobody knows. */
static int
set_request_flag (char *value)
{
  args.flags |= strtoull (value, NULL, 0);
  return 0;
}

static int
set_reserved (char *value)
{
  args.reserved = (uint32_t) atoi (value);
  return 0;
}

static int
set_size (char *value)
{
  size = (size_t) atoi (value);
  return size <= sizeof given ? 0 : EINVAL;
}

/* Something behind the members. */
static int
set_rest (char *value)
{
  given.bytes[sizeof args + (unsigned int) atoi (value) % 100] = 1;
  return 0;
}

static const struct setting {
  const char *key;
  int (*apply) (char *value);
} settings[] = {
  { "call", set_call },
  { "program", set_program },
  { "null", set_null },
  { "argument", set_argument },
  { "environment", set_environment },
  { "variable", set_variable },
  { "path", set_search_path },
  { "flag", set_flag },
  { "group", set_group },
  { "default", set_default },
  { "mask", set_mask },
  { "priority", set_priority },
  { "policy", set_policy },
  { "cgroup", set_cgroup },
  { "close", action_close },
  { "dup2", action_dup2 },
  { "open", action_open },
  { "chdir", action_chdir },
  { "fchdir", action_fchdir },
  { "closefrom", action_closefrom },
  { "tcsetpgrp", action_tcsetpgrp },
  { "descriptor", set_descriptor },
  { "duplicate", set_duplicate },
  { "pipe", set_pipe },
  { "terminal", set_terminal },
  { "session", set_session },
  { "descriptor-limit", set_descriptor_limit },
  { "core-limit", set_core_limit },
  { "full", set_full },
  { "umask", set_umask },
  { "directory", set_directory },
  { "nice", set_nice },
  { "scheduler", set_scheduler },
  { "ids", set_ids },
  { "ignored", set_ignored },
  { "handled", set_handled },
  { "children-not-waited", set_children_not_waited },
  { "blocked", set_blocked },
  { "pending", set_pending },
  { "cancellation", set_cancellation },
  { "thread", set_thread },
  { "dumpable", set_dumpable },
  { "new-terminal", set_new_terminal },
  { "program-descriptor", set_program_descriptor },
  { "search-of-child", set_search_of_child },
  { "cloexec-from", set_cloexec_from },
  { "inherit", set_inherit },
  { "limit", set_limit },
  { "file-mask", set_file_mask },
  { "ignore", set_ignore },
  { "take-terminal", set_take_terminal },
  { "join", set_join },
  { "may-move", set_may_move },
  { "groups", set_groups },
  { "supplementary", set_supplementary },
  { "to-group", set_to_group },
  { "to-user", set_to_user },
  { "no-new-privileges", set_no_new_privileges },
  { "death-signal", set_death_signal },
  { "request-flag", set_request_flag },
  { "reserved", set_reserved },
  { "size", set_size },
  { "rest", set_rest },
};

static void
apply_line (char *line)
{
  size_t length = strcspn (line, " ");
  char *value = line + length + (line[length] == ' ');
  int error = ENOSYS;
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
    if (strlen (settings[i].key) == length && strncmp (settings[i].key, line, length) == 0)
      error = settings[i].apply (value);
  if (error != 0)
    add (result, "setting %s: %s\n", line, strerror (error < 0 ? errno : error));
}

/* ---- The call ---- */

/* A disposition as the kernel has it, for all signals; the libc hides some. */
static struct kernel_action
disposition (int signal)
{
  struct kernel_action action = { NULL, 0, NULL, 0 };
  syscall (SYS_rt_sigaction, signal, NULL, &action, 8);
  return action;
}

/* What a call must leave as it is, one thing in a line. */
static void
take_snapshot (struct text *snapshot, int state, int type)
{
  uint64_t mask = 0;
  syscall (SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, 8);
  mode_t creation = umask (0);
  umask (creation);
  char path[4096];
  uid_t uids[3];
  gid_t gids[3];
  getresuid (&uids[0], &uids[1], &uids[2]);
  getresgid (&gids[0], &gids[1], &gids[2]);
  struct rlimit limit = { 0, 0 };
  getrlimit (RLIMIT_NOFILE, &limit);
  add (snapshot, "mask %llx\numask %o\ncancel state %d type %d\ndirectory %s\n", (unsigned long long) mask, creation,
       state, type, getcwd (path, sizeof path) ? path : "gone");
  add (snapshot, "ids %u %u %u %u %u %u\ngroup %d session %d\n", uids[0], uids[1], uids[2], gids[0], gids[1], gids[2],
       getpgid (0), getsid (0));
  /* The others, and the library's own pidfd_spawn, let RESETIDS clear it. */
  if (spawn_path == extended_spawn || spawn_path == spawn_with_request)
    add (snapshot, "dumpable %d\n", prctl (PR_GET_DUMPABLE, 0, 0, 0, 0));
  add (snapshot, "policy %d nice %d limit %llu %llu\n", sched_getscheduler (0), getpriority (PRIO_PROCESS, 0),
       (unsigned long long) limit.rlim_cur, (unsigned long long) limit.rlim_max);
  for (int signal = 1; signal <= SIGNALS; signal++)
    {
      struct kernel_action action = disposition (signal);
      const char *handling = action.handler == (void *) SIG_IGN ? "ignored" : "handled";
      if (action.handler || action.flags)
        add (snapshot, "signal %d %s at %p, flags %lx mask %llx\n", signal, handling, action.handler, action.flags,
             (unsigned long long) action.mask);
    }
  for (int fd = 0; fd < DESCRIPTORS; fd++)
    {
      int flags = fcntl (fd, F_GETFD);
      struct stat status;
      if (flags >= 0 && fstat (fd, &status) == 0)
        add (snapshot, "descriptor %d %x %x %llx:%llu %lld\n", fd, flags, fcntl (fd, F_GETFL),
             (unsigned long long) status.st_dev, (unsigned long long) status.st_ino,
             (long long) lseek (fd, 0, SEEK_CUR));
    }
}

static void
say_end (void)
{
  siginfo_t info;
  int error;
  do
    {
      memset (&info, 0, sizeof info);
      error = waitid (P_ALL, 0, &info, WEXITED | __WALL) == 0 ? 0 : errno;
    }
  while (error == EINTR);
  if (error)
    add (result, "end %s\n", strerror (error));
  else
    add (result, "end %s %d, uid %d\n", info.si_code == CLD_EXITED ? "exit" : "signal", info.si_status,
         (int) info.si_uid);
}

/* A child that nobody has to wait for can be gone at any time. */
static bool
children_vanish (void)
{
  struct kernel_action action = disposition (SIGCHLD);
  return action.handler == (void *) SIG_IGN || action.flags & SA_NOCLDWAIT;
}

/* The descriptor's flags and whether it names a child, which is asked only of a real one. */
static void
say_pidfd (int error, int pidfd)
{
  if (null_pidfd || (error && pidfd == UNTOUCHED))
    return;
  int flags = fcntl (pidfd, F_GETFD);
  int status = fcntl (pidfd, F_GETFL);
  siginfo_t info;
  bool named = spawn_path == reference_spawn
               || waitid ((idtype_t) 3 /* P_PIDFD */, (id_t) pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0
               || (errno == ECHILD && children_vanish ());
  add (result, "pidfd %d flags %x %x, %s\n", pidfd, flags, status, named ? "names a child" : strerror (errno));
  close (pidfd);
}

static void *
call (void *unused)
{
  enum { BEFORE = EDOM };
  static struct text before, after;
  static int pidfd = UNTOUCHED;
  char *const *envp = null_environment ? NULL : child_environment.strings;
  spawn_function *function = search ? spawn_search : spawn_path;
  int state, type;
  pthread_setcanceltype (cancel_type, NULL);
  pthread_setcancelstate (cancel_state, NULL);
  /* Otherwise it would act at once, which is no business of the call. */
  if (requested && threaded && (cancel_state == PTHREAD_CANCEL_DISABLE || cancel_type == PTHREAD_CANCEL_DEFERRED))
    pthread_cancel (pthread_self ());
  take_snapshot (&before, cancel_state, cancel_type);

  for (int signal = 1; signal <= SIGNALS; signal++)
    if (disposition (signal).handler == (void *) SIG_IGN)
      add (result, "ignoring %d\n", signal);

  errno = BEFORE;
  int error = function (null_pidfd ? NULL : &pidfd, program, null_actions ? NULL : &actions,
                        null_attributes ? NULL : &attributes, arguments.strings, envp);
  int error_left = errno;

  pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, &state);
  pthread_setcanceltype (PTHREAD_CANCEL_DEFERRED, &type);
  add (result, "error %d (%s)\n", error, strerror (error));
  add (result, "errno %s\n", error_left == (error ? error : BEFORE) ? "right" : strerror (error_left));
  siginfo_t info;
  if (error)
    add (result, "children %s\n",
         waitid (P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0 ? "left behind" : "none");
  say_pidfd (error, pidfd);
  say_end ();
  take_snapshot (&after, state, type);
  add_missing (result, "changed, before: ", before.data, after.data);
  add_missing (result, "changed, after: ", after.data, before.data);

  /* A request that came before must still be there. */
  pthread_setcancelstate (PTHREAD_CANCEL_ENABLE, NULL);
  pthread_testcancel ();
  return unused;
}

static void
prepare (void)
{
  struct rlimit limit = { DESCRIPTORS, DESCRIPTORS };
  setrlimit (RLIMIT_NOFILE, &limit);
  sigset_t none;
  memset (&none, 0, sizeof none);
  for (int signal = 1; signal <= SIGNALS; signal++)
    {
      struct kernel_action action = { SIG_DFL, 0, NULL, 0 };
      syscall (SYS_rt_sigaction, signal, &action, NULL, 8);
    }
  syscall (SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
  umask (022);
  posix_spawn_file_actions_init (&actions);
  posix_spawnattr_init (&attributes);
}

void
run_case (const char *test_case, const char *tree, int cgroup_directory, struct text *to)
{
  root = tree;
  result = to;
  cgroup = cgroup_directory;
  prepare ();
  if (chdir (root) != 0)
    die (root);
  program = decode ("@/bin/prog", root);
  size_t length;
  /* The leader of a group cannot have a new session. */
  if (!has_line (test_case, "session") && !find_line (test_case, NULL, "terminal", &length))
    setpgid (0, 0);
  if (cgroup >= 0 && (find_line (test_case, NULL, "cgroup", &length) || has_line (test_case, "join")))
    dup3 (cgroup, CGROUP_DESCRIPTOR, O_CLOEXEC);
  if (syscall (SYS_close_range, 0, CGROUP_DESCRIPTOR - 1, 0) != 0)
    for (int fd = 0; fd < CGROUP_DESCRIPTOR; fd++)
      close (fd);

  char *lines = strdup (test_case);
  char *rest = lines;
  for (char *line; (line = strsep (&rest, "\n"));)
    if (*line && *line != '#')
      apply_line (line);

  if (search_path.data)
    environment.strings[environment.count++] = search_path.data;
  environ = environment.strings;
  if (search)
    args.flags |= PIDFD_SPAWN_SEARCH;
  given.args = args;
  request.attribute_flags = attribute_flags & 0xffff;
  memcpy (&request.defaults, &attribute_default, sizeof request.defaults);
  memcpy (&request.mask, &attribute_mask, sizeof request.mask);
  posix_spawnattr_setsigdefault (&attributes, &attribute_default);
  posix_spawnattr_setsigmask (&attributes, &attribute_mask);
  /* A libc may refuse a flag that it does not know; how the others treat it is what the case is about. */
  if (posix_spawnattr_setflags (&attributes, (short) attribute_flags) != 0)
    *(short *) &attributes = (short) attribute_flags;

  int spare = open ("/dev/null", O_RDONLY);
  add (result, spare < 0 ? "no descriptor is free\n" : "");
  close (spare);

  if (threaded)
    {
      pthread_t thread;
      void *end = NULL;
      if (pthread_create (&thread, NULL, call, NULL) != 0 || pthread_join (thread, &end) != 0)
        die ("thread");
      add (result, "thread %s\n", end == PTHREAD_CANCELED ? "cancelled afterwards" : "not cancelled");
    }
  else
    call (NULL);

  uint64_t pending = 0;
  syscall (SYS_rt_sigpending, &pending, 8);
  add (result, "pending %llx\n", (unsigned long long) pending);
  for (int signal = 1; signal <= SIGNALS; signal++)
    if (handled[signal])
      add (result, "handled %d %d times\n", signal, handled[signal]);
  pid_t foreground;
  if (terminal >= 0 && ioctl (terminal, TIOCGPGRP, &foreground) == 0)
    add (result, "foreground pid-%d\n", (int) foreground);
}
