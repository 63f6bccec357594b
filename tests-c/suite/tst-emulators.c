/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A spawn under emulators that do clone3 and clone in their own way, or clone alone: one grants CLONE_VM | CLONE_VFORK
 * and copies the memory, so that nothing which the child writes is seen by its parent; one grants CLONE_PIDFD and gives
 * no descriptor.  A tracer stands in for them: it takes the flags out of the call on its way into the kernel. */

#include "extension.h"

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

/* The registers that hold the number of the call and the flags of clone. */
#if defined __x86_64__
typedef struct user_regs_struct registers;
# define CALL_NUMBER(registers_) (registers_).orig_rax
# define CLONE_FLAGS(registers_) (registers_).rdi
# define FIRST_ARGUMENT CLONE_FLAGS
#elif defined __i386__
typedef struct user_regs_struct registers;
# define CALL_NUMBER(registers_) (registers_).orig_eax
# define CLONE_FLAGS(registers_) (registers_).ebx
# define FIRST_ARGUMENT CLONE_FLAGS
#elif defined __aarch64__
typedef struct user_regs_struct registers;
# define CALL_NUMBER(registers_) (registers_).regs[8]
# define CLONE_FLAGS(registers_) (registers_).regs[0]
# define FIRST_ARGUMENT CLONE_FLAGS
#elif defined __arm__
typedef struct user_regs registers;
# define CALL_NUMBER(registers_) (registers_).uregs[7]
# define CLONE_FLAGS(registers_) (registers_).uregs[0]
# define FIRST_ARGUMENT CLONE_FLAGS
#elif defined __powerpc__
typedef struct pt_regs registers;
# define CALL_NUMBER(registers_) (registers_).gpr[0]
# define CLONE_FLAGS(registers_) (registers_).gpr[3]
# define FIRST_ARGUMENT CLONE_FLAGS
#elif defined __s390x__
/* The kernel puts the number where the first argument was, which is the stack. */
typedef struct _user_regs_struct registers;
# define CALL_NUMBER(registers_) (registers_).gprs[2]
# define CLONE_FLAGS(registers_) (registers_).gprs[3]
# define FIRST_ARGUMENT(registers_) (registers_).orig_gpr2
#elif defined __loongarch__
/* The first argument is kept apart. */
typedef struct
{
  unsigned long gpr[32], original_a0, others[12];
} registers;
# define CALL_NUMBER(registers_) (registers_).gpr[11]
# define CLONE_FLAGS(registers_) (registers_).original_a0
# define FIRST_ARGUMENT CLONE_FLAGS
#endif

/* On riscv64 the kernel keeps a first argument of its own, which a tracer cannot change. */
#if HAVE_LIBRARY && defined CALL_NUMBER

enum { SHARE_MEMORY = 0x4100 /* CLONE_VM | CLONE_VFORK */, GIVE_PIDFD = 0x1000 /* CLONE_PIDFD */ };

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

/* What an emulator lacks, and what it does meanwhile. */
struct emulator {
  unsigned long missing; /* these flags */
  bool has_clone3;
  void (*before_clone) (void); /* called when clone is */
  useconds_t pause; /* and this long it keeps the parent waiting after that */
};

/* The low half of the flags of clone3, in its structure, without those. */
static void
take_flags (pid_t tracee, uint32_t *structure, unsigned long missing)
{
  enum { WORD = sizeof (long) };
  char *place = (char *) structure + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0);
  char *aligned = (char *) ((uintptr_t) place / WORD * WORD);
  errno = 0;
  long word = ptrace (PTRACE_PEEKDATA, tracee, aligned, NULL);
  CHECK (errno == 0);
  uint32_t flags;
  memcpy (&flags, (char *) &word + (place - aligned), sizeof flags);
  flags &= ~(uint32_t) missing;
  memcpy ((char *) &word + (place - aligned), &flags, sizeof flags);
  CHECK (ptrace (PTRACE_POKEDATA, tracee, aligned, (void *) word) == 0);
}

/* Goes on with the tracee to its end, and takes the flags out of each clone that asks for a pidfd. */
static int
emulate (pid_t tracee, const struct emulator *emulator)
{
  int status, deliver = 0, seen = 0;
  bool made = false;
  for (bool entering = true;;)
    {
      CHECK (ptrace (PTRACE_SYSCALL, tracee, NULL, (void *) (intptr_t) deliver) == 0);
      CHECK_EQ (waitpid (tracee, &status, __WALL), tracee);
      if (!WIFSTOPPED (status))
        {
          CHECK (seen > 0 || (WIFEXITED (status) && WEXITSTATUS (status) == 77));
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
              CLONE_FLAGS (values) &= ~emulator->missing;
              CHECK (ptrace (PTRACE_SETREGSET, tracee, (void *) NT_PRSTATUS, &room) == 0);
              seen++;
              made = true;
              if (emulator->before_clone)
                emulator->before_clone ();
            }
          /* The null pointer is a question whether there is the call at all. */
          if (CALL_NUMBER (values) == SYS_clone3 && emulator->has_clone3 && FIRST_ARGUMENT (values) != 0)
            {
              take_flags (tracee, (uint32_t *) (uintptr_t) FIRST_ARGUMENT (values), emulator->missing);
              seen++;
            }
        }
      else if (made)
        {
          made = false;
          usleep (emulator->pause);
        }
      entering = !entering;
    }
}

static void
work_under_emulation (const struct emulator *emulator, void (*body) (void))
{
  pid_t tracee = fork ();
  CHECK (tracee >= 0);
  if (tracee == 0)
    {
      if (!emulator->has_clone3)
        refuse_call (SYS_clone3, ENOSYS);
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
  status = emulate (tracee, emulator);
  CHECK (WIFEXITED (status));
  if (WEXITSTATUS (status) == 77)
    _exit (77);
  CHECK_EQ (WEXITSTATUS (status), 0);
}

/* ---- Memory that is copied ---- */

/* By clone, and by clone3 first. */
# define COPYING(name_)                                                                                                \
  static void copying_##name_ (void);                                                                                  \
  TEST (copied_memory_##name_)                                                                                         \
  {                                                                                                                    \
    work_under_emulation (&(struct emulator) { .missing = SHARE_MEMORY }, copying_##name_);                            \
  }                                                                                                                    \
  TEST (copied_memory_by_clone3_##name_)                                                                               \
  {                                                                                                                    \
    work_under_emulation (&(struct emulator) { .missing = SHARE_MEMORY, .has_clone3 = true }, copying_##name_);        \
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

/* If one number below is free, the file is opened with that and moved, which takes O_CLOEXEC away. */
COPYING (an_open_file_that_is_moved_is_inherited)
{
  enum { LAST = 4 };
  int numbers[LAST + 1], count = 0;
  for (int fd = 3; count <= LAST; fd++)
    if (!is_open (fd))
      numbers[count++] = fd;
  for (int free_one = 0; free_one < LAST; free_one++)
    {
      posix_spawn_file_actions_t actions;
      posix_spawn_file_actions_init (&actions);
      for (int i = 0; i < LAST; i++)
        if (i != free_one)
          posix_spawn_file_actions_adddup2 (&actions, STDERR_FILENO, numbers[i]);
      posix_spawn_file_actions_addopen (&actions, numbers[LAST], "/dev/null", O_RDONLY | O_CLOEXEC, 0);
      int pidfd = UNTOUCHED;
      CHECK_EQ (SPAWN (&pidfd, self_path, &actions, NULL,
                       child_argv ("is_open", "1", format ("%d", numbers[LAST]), NULL), environ),
                0);
      CHECK_EXIT (pidfd, 4);
      posix_spawn_file_actions_destroy (&actions);
    }
}

/* One action, which this call adds. */
# define CHECK_ALONE_FAILS(actions_, add_)                                                                             \
   do                                                                                                                  \
     {                                                                                                                 \
       posix_spawn_file_actions_init (actions_);                                                                       \
       CHECK_EQ (add_, 0);                                                                                             \
       check_fails (self_path, actions_, EBADF);                                                                       \
       posix_spawn_file_actions_destroy (actions_);                                                                    \
     }                                                                                                                 \
   while (0)

/* It is not open for the actions that want a descriptor of a special kind either. */
COPYING (actions_find_nothing_at_their_numbers)
{
  for (int fd = 3; fd < 12; fd++)
    {
      if (is_open (fd))
        continue;
      posix_spawn_file_actions_t actions;
# ifndef NO_CHDIR
      CHECK_ALONE_FAILS (&actions, posix_spawn_file_actions_addfchdir_np (&actions, fd));
# endif
# ifndef NO_TCSETPGRP
      CHECK_ALONE_FAILS (&actions, posix_spawn_file_actions_addtcsetpgrp_np (&actions, fd));
# endif
      CHECK_ALONE_FAILS (&actions, posix_spawn_file_actions_adddup2 (&actions, fd, fd));
    }
}

# ifndef NO_CLOSEFROM
/* Whatever number closefrom has to leave out, it closes those beside it. */
static void
close_all_but_two_neighbours (void)
{
  enum { END = 40 };
  for (int low = 5; low < 30; low += 4)
    {
      char *argv[END + 6], **first = child_argv ("is_open", "0", NULL);
      int count = 0;
      for (; first[count]; count++)
        argv[count] = first[count];
      for (int fd = 3; fd < END; fd++)
        {
          CHECK_EQ (dup2 (STDERR_FILENO, fd), fd);
          argv[count++] = format ("%d", fd);
        }
      argv[count] = NULL;
      /* The only free numbers below, and not together. */
      CHECK (close (low) == 0 && close (low + 5) == 0);
      posix_spawn_file_actions_t actions;
      posix_spawn_file_actions_init (&actions);
      posix_spawn_file_actions_addclosefrom_np (&actions, 3);
      int pidfd = UNTOUCHED;
      CHECK_EQ (SPAWN (&pidfd, self_path, &actions, NULL, argv, environ), 0);
      CHECK_EXIT (pidfd, 4);
      posix_spawn_file_actions_destroy (&actions);
    }
  for (int fd = 3; fd < END; fd++)
    close (fd);
}

COPYING (closefrom_closes_the_neighbours)
{
  close_all_but_two_neighbours ();
}

COPYING (closefrom_closes_the_neighbours_without_close_range)
{
  refuse_call (SYS_close_range, ENOSYS);
  close_all_but_two_neighbours ();
}

COPYING (closefrom_closes_the_neighbours_without_close_range_and_a_list)
{
  refuse_call (SYS_close_range, ENOSYS);
  refuse_call (SYS_getdents64, ENOSYS);
  close_all_but_two_neighbours ();
}
# endif

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
  CHECK_EQ (mask_now (), 1ULL << (SIGUSR2 - 1));
}

/* pidfd_spawn_ext, with a change of user and without.  An emulator that has clone3 and copies the memory has none,
   which is said. */

static int
kinds_of_extensions (void)
{
  if (!can_set_own_user ())
    return 1;
  int pidfd = UNTOUCHED, error = spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (),
                                            ARGS (.flags = PIDFD_SPAWN_SETUID, .uid = getuid ()));
  /* The null pointer is a question whether there is the call at all. */
  if (error == ENOSYS && syscall (SYS_clone3, NULL, 0) == -1 && errno != ENOSYS)
    {
      CHECK_EQ (pidfd, UNTOUCHED);
      CHECK_NO_CHILD ();
      return 1;
    }
  CHECK_EQ (error, 0);
  CHECK_EXIT (pidfd, 0);
  return 2;
}

COPYING (extensions)
{
  static const uint64_t besides[] = { 0, PIDFD_SPAWN_SETUID };
  int null = open ("/dev/null", O_RDONLY);
  CHECK (null >= 0);
  sigset_t ignored = SIGNALS (SIGUSR1);
  for (int i = 0, kinds = kinds_of_extensions (); i < kinds; i++)
    {
      const struct pidfd_spawn_args *args
        = ARGS (.flags = PIDFD_SPAWN_CLOEXEC_FROM | PIDFD_SPAWN_SETUMASK | PIDFD_SPAWN_SETSIGIGNORE
                         | PIDFD_SPAWN_PDEATHSIG | besides[i],
                .cloexec_from = 3, .ignore = &ignored, .uid = getuid (), .death_signal = SIGTERM);
      int pidfd = UNTOUCHED;
      CHECK_EQ (spawn_ext (&pidfd, self_path, NULL, NULL, child_argv ("count_descriptors", NULL), args), 0);
      CHECK_EXIT (pidfd, 3);
      CHECK_EQ (spawn_ext (&pidfd, "/bin/sleep", NULL, NULL, sleep_argv (), args), 0);
      struct process_state state = state_of (pid_of (pidfd));
      kill_and_reap (pidfd);
      CHECK (state.ignored & 1ULL << (SIGUSR1 - 1));
      CHECK_EQ (state.blocked, 0);
    }
  CHECK (close (null) == 0);
}

/* Where the caller has privileges, but not that for groups, the library makes copies itself. */
COPYING (extensions_without_CAP_SETGID)
{
  struct { uint32_t effective, permitted, inheritable; } sets[2];
  uint32_t header[] = { 0x20080522 /* _LINUX_CAPABILITY_VERSION_3 */, 0 };
  CHECK (syscall (SYS_capget, header, sets) == 0);
  sets[0].effective &= ~(1U << HAVE_SETGID);
  if (sets[0].effective == 0)
    SKIP ("no privileges");
  CHECK (syscall (SYS_capset, header, sets) == 0);
  copying_extensions ();
}

/* A sandbox may refuse what the library asks clone3 for, and still answer as if there were a clone3. */
static void
copying_beside_a_refused_clone3 (void)
{
  refuse_call_when (SYS_clone3, 1, 64, EPERM);
  copying_extensions_without_CAP_SETGID ();
}

TEST (copied_memory_beside_a_refused_clone3)
{
  work_under_emulation (&(struct emulator) { .missing = SHARE_MEMORY, .has_clone3 = true },
                        copying_beside_a_refused_clone3);
}

COPYING (errors_of_extensions_arrive)
{
  static const uint64_t besides[] = { 0, PIDFD_SPAWN_SETUID };
  const struct pidfd_spawn_rlimit limit = { RLIMIT_CORE, 0, 2, 1 };
  for (int i = 0, kinds = kinds_of_extensions (); i < kinds; i++)
    {
      CHECK_EXT_FAILS (spawn_ext (&pidfd, "/nonexistent/program", NULL, NULL, sleep_argv (),
                                  ARGS (.flags = PIDFD_SPAWN_CLOEXEC_FROM | besides[i], .uid = getuid ())),
                       ENOENT);
      CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (),
                                  ARGS (.flags = PIDFD_SPAWN_SETRLIMITS | besides[i], .uid = getuid (),
                                        .limits = &limit, .limit_count = 1)),
                       EINVAL);
    }
}

COPYING (extensions_find_nothing_at_their_numbers)
{
  posix_spawnattr_t session;
  CHECK_EQ (posix_spawnattr_init (&session), 0);
  CHECK_EQ (posix_spawnattr_setflags (&session, POSIX_SPAWN_SETSID), 0);
  for (int fd = 3; fd < 12; fd++)
    if (!is_open (fd))
      {
        CHECK_EXT_FAILS (spawn_ext (&pidfd, NULL, NULL, NULL, sleep_argv (),
                                    ARGS (.flags = PIDFD_SPAWN_EXEC_FD, .exec_fd = fd)),
                         EBADF);
        CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, &session, sleep_argv (),
                                    ARGS (.flags = PIDFD_SPAWN_SETCTTY, .terminal = fd)),
                         EBADF);
        CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (),
                                    ARGS (.flags = PIDFD_SPAWN_CLOEXEC_FROM, .cloexec_from = 3, .inherit = &fd,
                                          .inherit_count = 1)),
                         EBADF);
      }
  posix_spawnattr_destroy (&session);
}

/* Another thread forks while the call is on: that child has copies of all descriptors and stays. */

static int go[2], gone[2];

/* In the tracer, when the call makes its child. */
static void
let_the_other_thread_fork (void)
{
  char byte = 0;
  CHECK_EQ (write (go[1], &byte, 1), 1);
  CHECK_EQ (read (gone[0], &byte, 1), 1);
}

static void *
fork_others (void *others_)
{
  pid_t *others = others_;
  char byte;
  for (int i = 0; read (go[0], &byte, 1) == 1 && byte == 0; i++)
    {
      others[i] = fork ();
      CHECK (others[i] >= 0);
      while (others[i] == 0)
        pause ();
      CHECK_EQ (write (gone[1], &byte, 1), 1);
    }
  return NULL;
}

static void
work_among_others (void)
{
  pid_t others[16] = { 0 };
  pthread_t thread;
  CHECK_EQ (pthread_create (&thread, NULL, fork_others, others), 0);
  int pidfd = UNTOUCHED;
  CHECK_EQ (SPAWN (&pidfd, self_path, NULL, NULL, child_argv ("exit_with", "4", NULL), environ), 0);
  CHECK_EXIT (pidfd, 4);
  /* The program is not waited for. */
  char *cat[] = { (char *) "cat", NULL };
  int ends[2];
  CHECK (pipe2 (ends, O_CLOEXEC) == 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_adddup2 (&actions, ends[0], 0);
  CHECK_EQ (SPAWN (&pidfd, "/bin/cat", &actions, NULL, cat, environ), 0);
  CHECK (sys_pidfd_send_signal (pidfd, SIGTERM, NULL, 0) == 0);
  CHECK_KILLED (pidfd, SIGTERM);
  posix_spawn_file_actions_destroy (&actions);
  pidfd = UNTOUCHED;
  CHECK_ERROR (SPAWN (&pidfd, "/nonexistent/program", NULL, NULL, cat, environ), ENOENT);
  CHECK_ERROR (SPAWNP (&pidfd, "nonexistent-program", NULL, NULL, cat, environ), ENOENT);
  CHECK_EQ (pidfd, UNTOUCHED);
  /* So that was not the end of what waited. */
  int count = 0;
  for (; others[count]; count++)
    CHECK (kill (others[count], 0) == 0 && waitpid (others[count], NULL, WNOHANG) == 0);
  CHECK (count >= 4);
  CHECK_EQ (write (go[1], "x", 1), 1);
  CHECK_EQ (pthread_join (thread, NULL), 0);
  while (count-- > 0)
    CHECK (kill (others[count], SIGKILL) == 0 && waitpid (others[count], NULL, 0) == others[count]);
  CHECK_NO_CHILD ();
}

TEST_LEAVING (copied_memory_and_others)
{
  CHECK (pipe2 (go, O_CLOEXEC) == 0 && pipe2 (gone, O_CLOEXEC) == 0);
  work_under_emulation (&(struct emulator) { .missing = SHARE_MEMORY, .before_clone = let_the_other_thread_fork },
                        work_among_others);
}

/* A machine with much to do lets the parent run when it has time.  Reversed, a child that has no name waits for
   nothing in the end: the tests below take that long for each call. */

static void
work_slowly (void)
{
  for (int call = 0; call < 2; call++)
    {
      int pidfd = UNTOUCHED;
      CHECK_EQ (both_calls[call](&pidfd, self_path, NULL, NULL, child_argv ("exit_with", "4", NULL), environ), 0);
      CHECK_EXIT (pidfd, 4);
    }
  check_fails ("/nonexistent/program", NULL, ENOENT);
}

TEST (copied_memory_and_a_slow_parent)
{
  NEED_PATIENCE ();
  work_under_emulation (&(struct emulator) { .missing = SHARE_MEMORY, .pause = 1500000 }, work_slowly);
}

/* A child that nobody lets go on may give up, but then the call does not say that the program runs. */
static void
work_very_slowly (void)
{
  int pidfd = UNTOUCHED, error = SPAWN (&pidfd, self_path, NULL, NULL, child_argv ("exit_with", "4", NULL), environ);
  if (error == 0)
    CHECK_EXIT (pidfd, 4);
  else
    {
      CHECK_EQ (error, ENOSYS);
      CHECK_EQ (pidfd, UNTOUCHED);
    }
  CHECK_NO_CHILD ();
}

TEST (copied_memory_and_a_very_slow_parent)
{
  NEED_PATIENCE ();
  work_under_emulation (&(struct emulator) { .missing = SHARE_MEMORY, .pause = 5000000 }, work_very_slowly);
}

/* ---- No pidfd ---- */

static void
without_pidfds (void)
{
  int descriptors = open_descriptors ();
  char *mark = test_path ("mark");
  bool marked = true;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_addopen (&actions, 0, mark, O_WRONLY | O_CREAT, 0600);
  check_fails ("/nonexistent/program", NULL, ENOSYS);
  /* A copy goes on if its parent, slow as it is here, does not end it in time. */
  for (int attempt = 0; attempt < 5 && marked; attempt++)
    {
      unlink (mark);
      check_fails (self_path, &actions, ENOSYS);
      marked = access (mark, F_OK) == 0;
    }
  posix_spawn_file_actions_destroy (&actions);
  CHECK_EQ (open_descriptors (), descriptors);
  if (syscall (SYS_kcmp, getpid (), getpid (), 1 /* KCMP_VM */, 0, 0) != 0)
    SKIP ("a child that cannot ask whose memory it has goes on in the end: %s", strerror (errno));
  CHECK (!marked);
}

TEST (a_pidfd_that_is_not_given_is_ENOSYS)
{
  work_under_emulation (&(struct emulator) { .missing = GIVE_PIDFD }, without_pidfds);
}

TEST (a_pidfd_that_is_not_given_for_copied_memory_is_ENOSYS)
{
  work_under_emulation (&(struct emulator) { .missing = GIVE_PIDFD | SHARE_MEMORY }, without_pidfds);
}

TEST (a_pidfd_that_clone3_does_not_give_is_ENOSYS)
{
  work_under_emulation (&(struct emulator) { .missing = GIVE_PIDFD, .has_clone3 = true },
                        without_pidfds);
}

TEST (a_pidfd_that_clone3_does_not_give_for_copied_memory_is_ENOSYS)
{
  work_under_emulation (&(struct emulator) { .missing = GIVE_PIDFD | SHARE_MEMORY, .has_clone3 = true },
                        without_pidfds);
}

#else

TEST (emulators)
{
  SKIP ("another function, or a machine where a tracer cannot change the call");
}

#endif
