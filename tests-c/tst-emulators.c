/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A spawn under emulators that do not know clone3 and do clone in their own way: one grants CLONE_VM | CLONE_VFORK and
 * copies the memory, so that nothing which the child writes is seen by its parent; one grants CLONE_PIDFD and gives no
 * descriptor.  A tracer stands in for them: it takes the flags out of the call on its way into the kernel. */

#include "test.h"

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

/* On riscv64 the kernel keeps a first argument of its own, which a tracer cannot change. */
#if HAVE_LIBRARY && !defined __riscv

/* The registers that hold the number of the call and the flags of clone. */
# if defined __x86_64__
typedef struct user_regs_struct registers;
#  define CALL_NUMBER(registers_) (registers_).orig_rax
#  define CLONE_FLAGS(registers_) (registers_).rdi
# elif defined __i386__
typedef struct user_regs_struct registers;
#  define CALL_NUMBER(registers_) (registers_).orig_eax
#  define CLONE_FLAGS(registers_) (registers_).ebx
# elif defined __aarch64__
typedef struct user_regs_struct registers;
#  define CALL_NUMBER(registers_) (registers_).regs[8]
#  define CLONE_FLAGS(registers_) (registers_).regs[0]
# elif defined __arm__
typedef struct user_regs registers;
#  define CALL_NUMBER(registers_) (registers_).uregs[7]
#  define CLONE_FLAGS(registers_) (registers_).uregs[0]
# elif defined __powerpc64__
typedef struct pt_regs registers;
#  define CALL_NUMBER(registers_) (registers_).gpr[0]
#  define CLONE_FLAGS(registers_) (registers_).gpr[3]
# elif defined __s390x__
/* The kernel puts the number where the first argument was, which is the stack. */
typedef struct _user_regs_struct registers;
#  define CALL_NUMBER(registers_) (registers_).gprs[2]
#  define CLONE_FLAGS(registers_) (registers_).gprs[3]
# endif

enum { UNTOUCHED = -7, SHARE_MEMORY = 0x4100 /* CLONE_VM | CLONE_VFORK */, GIVE_PIDFD = 0x1000 /* CLONE_PIDFD */ };

CHILD (exit_with)
{
  return atoi (argv[0]);
}

CHILD (is_open)
{
  bool wanted = atoi (argv[0]);
  for (int i = 1; i < argc; i++)
    if (is_open (atoi (argv[i])) != wanted)
      return 50 + i;
  return 4;
}

CHILD (count_descriptors)
{
  return open_descriptors ();
}

/* Goes on with the tracee to its end, and takes the flags out of each clone that asks for a pidfd. */
static int
emulate (pid_t tracee, unsigned long missing)
{
  int status, deliver = 0, seen = 0;
  for (bool entering = true;;)
    {
      CHECK (ptrace (PTRACE_SYSCALL, tracee, NULL, (void *) (intptr_t) deliver) == 0);
      CHECK_EQ (waitpid (tracee, &status, __WALL), tracee);
      if (!WIFSTOPPED (status))
        {
          CHECK (seen > 0);
          return status;
        }
      deliver = 0;
      if (WSTOPSIG (status) != (SIGTRAP | 0x80))
        {
          deliver = WSTOPSIG (status);
          continue;
        }
      if (entering)
        {
          registers values;
          struct iovec room = { &values, sizeof values };
          CHECK (ptrace (PTRACE_GETREGSET, tracee, (void *) NT_PRSTATUS, &room) == 0);
          if (CALL_NUMBER (values) == SYS_clone && (CLONE_FLAGS (values) & GIVE_PIDFD))
            {
              CLONE_FLAGS (values) &= ~missing;
              CHECK (ptrace (PTRACE_SETREGSET, tracee, (void *) NT_PRSTATUS, &room) == 0);
              seen++;
            }
        }
      entering = !entering;
    }
}

static void
work_under_emulation (unsigned long missing, void (*body) (void))
{
  pid_t tracee = fork ();
  CHECK (tracee >= 0);
  if (tracee == 0)
    {
# ifdef SYS_clone3
      refuse_call (SYS_clone3, ENOSYS);
# endif
      if (ptrace (PTRACE_TRACEME, 0, NULL, NULL) != 0)
        SKIP ("no ptrace: %s", strerror (errno));
      raise (SIGSTOP);
      body ();
      _exit (0);
    }
  int status;
  CHECK_EQ (waitpid (tracee, &status, __WALL), tracee);
  if (WIFEXITED (status))
    _exit (WEXITSTATUS (status));
  CHECK (WIFSTOPPED (status));
  CHECK (ptrace (PTRACE_SETOPTIONS, tracee, NULL, (void *) (PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)) == 0);
  status = emulate (tracee, missing);
  CHECK (WIFEXITED (status));
  CHECK_EQ (WEXITSTATUS (status), 0);
}

/* ---- Memory that is copied ---- */

# define COPYING(name_)                                                                                                \
  static void copying_##name_ (void);                                                                                  \
  TEST (copied_memory_##name_)                                                                                         \
  {                                                                                                                    \
    work_under_emulation (SHARE_MEMORY, copying_##name_);                                                              \
  }                                                                                                                    \
  static void copying_##name_ (void)

static void
check_fails (const char *path, const posix_spawn_file_actions_t *actions, int wanted)
{
  int descriptors = open_descriptors ();
  for (int call = 0; call < 2; call++)
    {
      int pidfd = UNTOUCHED;
      CHECK_ERROR (both_calls[call](&pidfd, path, actions, NULL, child_argv ("exit_with", "4", NULL), environ), wanted);
      CHECK_EQ (pidfd, UNTOUCHED);
      CHECK_NO_CHILD ();
      CHECK_EQ (open_descriptors (), descriptors);
    }
}

COPYING (program_runs)
{
  for (int i = 0; i < 3; i++)
    for (int call = 0; call < 2; call++)
      {
        int pidfd = UNTOUCHED;
        CHECK_EQ (both_calls[call](&pidfd, self_path, NULL, NULL, child_argv ("exit_with", "4", NULL), environ), 0);
        CHECK_EXIT (pidfd, 4);
      }
}

/* The call returns when the program has started, not when it ends. */
COPYING (program_goes_on_after_the_call)
{
  int ends[2];
  CHECK (pipe (ends) == 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_adddup2 (&actions, ends[0], 0);
  int pidfd = UNTOUCHED;
  CHECK_EQ (SPAWN (&pidfd, "/bin/cat", &actions, NULL, (char *[]){ (char *) "cat", NULL }, environ), 0);
  CHECK_EQ (waitid ((idtype_t) 3, (id_t) pidfd, &(siginfo_t){ 0 }, WEXITED | WNOHANG | WNOWAIT), 0);
  CHECK (sys_pidfd_send_signal (pidfd, SIGTERM, NULL, 0) == 0);
  CHECK_KILLED (pidfd, SIGTERM);
  posix_spawn_file_actions_destroy (&actions);
  close (ends[0]);
  close (ends[1]);
}

COPYING (errors_arrive)
{
  check_fails ("/nonexistent/program", NULL, ENOENT);
  check_fails ("/dev/null/program", NULL, ENOTDIR);
  check_fails ("/", NULL, EACCES);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_adddup2 (&actions, 900, 3);
  check_fails (self_path, &actions, EBADF);
  posix_spawn_file_actions_destroy (&actions);
}

COPYING (errors_arrive_whatever_the_actions_do)
{
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  for (int fd = 3; fd < 40; fd++)
    posix_spawn_file_actions_addclose (&actions, fd);
  for (int fd = 3; fd < 40; fd++)
    posix_spawn_file_actions_adddup2 (&actions, 0, fd);
  for (int fd = 3; fd < 40; fd++)
    posix_spawn_file_actions_addopen (&actions, fd, "/dev/null", O_RDONLY, 0);
  check_fails ("/nonexistent/program", &actions, ENOENT);
  posix_spawn_file_actions_destroy (&actions);

  posix_spawn_file_actions_init (&actions);
  for (int fd = 3; fd < 20; fd++)
    posix_spawn_file_actions_addopen (&actions, fd, "/dev/null", O_RDWR, 0);
  check_fails ("/nonexistent/program", &actions, ENOENT);
  posix_spawn_file_actions_destroy (&actions);
}

# ifndef NO_CLOSEFROM
COPYING (errors_arrive_after_closefrom)
{
  for (int first = 0; first < 10; first += 3)
    {
      posix_spawn_file_actions_t actions;
      posix_spawn_file_actions_init (&actions);
      posix_spawn_file_actions_addclosefrom_np (&actions, first);
      check_fails ("/nonexistent/program", &actions, ENOENT);
      posix_spawn_file_actions_destroy (&actions);
    }
}
# endif

/* No number that the call takes for itself is one that the program or its actions can see. */
COPYING (no_descriptor_is_left_in_the_program)
{
  int wanted = open_descriptors (), pidfd = UNTOUCHED;
  CHECK_EQ (SPAWN (&pidfd, self_path, NULL, NULL, child_argv ("count_descriptors", NULL), environ), 0);
  CHECK_EXIT (pidfd, wanted);
  CHECK_EQ (open_descriptors (), wanted);
}

COPYING (actions_see_their_numbers_free)
{
  posix_spawn_file_actions_t actions;
  for (int fd = 3; fd < 8; fd++)
    {
      posix_spawn_file_actions_init (&actions);
      posix_spawn_file_actions_adddup2 (&actions, fd, 20);
      if (!is_open (fd))
        check_fails (self_path, &actions, EBADF);
      posix_spawn_file_actions_destroy (&actions);
    }
  posix_spawn_file_actions_init (&actions);
  for (int fd = 3; fd < 8; fd++)
    posix_spawn_file_actions_addopen (&actions, fd, "/dev/null", O_RDONLY, 0);
  int pidfd = UNTOUCHED;
  CHECK_EQ (SPAWN (&pidfd, self_path, &actions, NULL,
                   child_argv ("is_open", "1", "0", "1", "2", "3", "4", "5", "6", "7", NULL), environ),
            0);
  CHECK_EXIT (pidfd, 4);
  posix_spawn_file_actions_destroy (&actions);
}

COPYING (handlers_and_masks)
{
  sigset_t mask;
  signal (SIGUSR1, SIG_IGN);
  sigemptyset (&mask);
  sigaddset (&mask, SIGUSR2);
  CHECK (sigprocmask (SIG_SETMASK, &mask, NULL) == 0);
  int pidfd = UNTOUCHED;
  CHECK_EQ (SPAWN (&pidfd, "/bin/sleep", NULL, NULL, (char *[]){ (char *) "sleep", (char *) "60", NULL }, environ), 0);
  struct process_state state = state_of (pid_of (pidfd));
  CHECK_EQ (state.blocked, 1ULL << (SIGUSR2 - 1));
  CHECK (state.ignored & 1ULL << (SIGUSR1 - 1));
  CHECK (sys_pidfd_send_signal (pidfd, SIGKILL, NULL, 0) == 0);
  CHECK_KILLED (pidfd, SIGKILL);
  uint64_t now = 0;
  CHECK (syscall (SYS_rt_sigprocmask, SIG_BLOCK, NULL, &now, 8) == 0);
  CHECK_EQ (now, 1ULL << (SIGUSR2 - 1));
}

/* ---- No pidfd ---- */

static void
without_pidfds (void)
{
  int descriptors = open_descriptors ();
  char *mark = test_path ("mark");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_addopen (&actions, 0, mark, O_WRONLY | O_CREAT, 0600);
  check_fails (self_path, &actions, ENOSYS);
  CHECK (access (mark, F_OK) == -1);
  posix_spawn_file_actions_destroy (&actions);
  CHECK_EQ (open_descriptors (), descriptors);
}

TEST (a_pidfd_that_is_not_given_is_ENOSYS)
{
  work_under_emulation (GIVE_PIDFD, without_pidfds);
}

TEST (a_pidfd_that_is_not_given_for_copied_memory_is_ENOSYS)
{
  work_under_emulation (GIVE_PIDFD | SHARE_MEMORY, without_pidfds);
}

#else

TEST (emulators)
{
  SKIP ("another function, or a machine where a tracer cannot change the call");
}

#endif
