/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What the calls do to the caller's memory.  The child of a spawn shares it, and may write into the frame that it
 * shares with the call and below that, nowhere else: all other writable memory must be the same, byte for byte, after
 * the call.  And the stack that a call needs, child included, must stay within what the documentation states; VERBOSE=1
 * prints what was measured. */

#include "extension.h"

#include <dlfcn.h>
#include <link.h>
#include <sys/mman.h>
#if !NOT_GLIBC && !GLIBC_BEFORE (2, 35)
# include <sys/rseq.h>
#endif

/* The needs that are documented, in bytes; what comes to them where the library has no instructions of its own. */
#if defined __sparc__ || defined __s390x__
enum { NEED_SPAWN = 4096, NEED_SPAWN_EXT = 16384 };
#elif defined __powerpc64__ && defined __BIG_ENDIAN__
enum { NEED_SPAWN = 3072, NEED_SPAWN_EXT = 16384 };
#elif defined __powerpc64__ || defined __mips64
enum { NEED_SPAWN = 3072, NEED_SPAWN_EXT = 12288 };
#else
enum { NEED_SPAWN = 2048, NEED_SPAWN_EXT = 12288 };
#endif
enum { NEED_SPAWNP = NEED_SPAWN + 4096, NEED_FORK = 2048, NEED_GETPID = 2048, NEED_BESIDES = 4096 };
/* The need of a call that is passed on to the libc, besides the libc's own. */
enum { NEED_PASSED_ON = NEED_SPAWN / 4 };

enum {
  STACK = 256 * 1024,
  PAINT = 0x5b,
  UNPAINTED = 192, /* just below the painting function, for its own use */
  TEXT = 256 * 1024,
  COPY = 64 << 20,
};

CHILD (exit_with)
{
  return atoi (argv[0]);
}

/* Everything that the test itself writes around the call lies in shared memory, which is not compared. */
static struct books {
  int result, pidfd;
  long need;
  char *stack, *frame; /* the frame of the function that makes the call; what lies below is free */
  char maps[TEXT], copy[COPY];
  char difference[128];
} *books;

static char **argv_4;
static const char *name;
static posix_spawn_file_actions_t *actions;
static posix_spawnattr_t *attributes;
static unsigned int fork_flags;
static int subject;

typedef void call_function (void);

static void
call_spawn (void)
{
  books->result = SPAWN (&books->pidfd, name, actions, attributes, argv_4, environ);
}

static void
call_spawnp (void)
{
  books->result = SPAWNP (&books->pidfd, name, actions, attributes, argv_4, environ);
}

static struct pidfd_spawn_args args;

static void
call_spawn_ext (void)
{
  books->result = pidfd_spawn_ext (&books->pidfd, name, actions, attributes, argv_4, environ, &args, sizeof args);
}

static long measured_need (void);

static void
call_fork (void)
{
  /* Not the suite's, which needs some itself. */
  int pidfd = (pidfd_fork) (fork_flags);
  if (pidfd == 0)
    {
      /* The child has a copy of the stack, with its own traces. */
      books->need = measured_need ();
      _exit (4);
    }
  books->pidfd = pidfd;
  books->result = pidfd < 0 ? errno : 0;
}

static void
call_getpid (void)
{
  books->result = pidfd_getpid (subject) == getpid () ? 0 : errno;
}

/* Paint. */

__attribute__ ((noinline)) static void
paint (void)
{
  volatile char *end = (char *) __builtin_frame_address (0) - UNPAINTED;
  for (volatile char *place = books->stack; place < end; place++)
    *place = PAINT;
}

static long
measured_need (void)
{
  const char *place = books->stack;
  while (*place == PAINT)
    place++;
  return books->frame - place;
}

/* Snapshots. */

static bool
next_range (const char **line, char **start, char **end)
{
  while (*line && **line)
    {
      unsigned long from, to;
      char rights[5];
      int fields = sscanf (*line, "%lx-%lx %4s", &from, &to, rights);
      *line = strchr (*line, '\n');
      *line += *line != NULL;
      /* On sparc64 with the right to execute. */
      if (fields == 3 && strncmp (rights, "rw", 2) == 0 && rights[3] == 'p')
        {
          *start = (char *) from;
          *end = (char *) to;
          return true;
        }
    }
  return false;
}

static void
read_maps (void)
{
  CHECK (read_text ("/proc/self/maps", books->maps, TEXT) > 0);
}

#ifdef RSEQ_SIG
static const char *
thread_pointer (void)
{
# if defined __powerpc64__
  register const char *pointer __asm__ ("r13");
  return pointer;
# elif defined __powerpc__
  register const char *pointer __asm__ ("r2");
  return pointer;
# else
  return __builtin_thread_pointer ();
# endif
}
#endif

/* What a called function may write of its caller's frame: there it saves registers, by the rules
   of the architecture. */
#if defined __powerpc64__ && _CALL_ELF == 2
enum { CALLEES_PART = 32 };
#elif defined __powerpc64__
enum { CALLEES_PART = 112 };
#elif defined __powerpc__
enum { CALLEES_PART = 8 };
#elif defined __s390x__
enum { CALLEES_PART = 160 };
#elif defined __mips__ && _MIPS_SIM == _ABIO32
enum { CALLEES_PART = 16 };
#elif defined __sparc__
enum { CALLEES_PART = 176 };
#else
enum { CALLEES_PART = 0 };
#endif

/* Below the frame anything may be written, errno is a result, and the kernel keeps the number of the
   processor up to date. */
static bool
may_change (const char *place)
{
  const char *error = (const char *) &errno;
  if (place >= error && place < error + sizeof errno)
    return true;
#ifdef RSEQ_SIG
  const char *kernels = thread_pointer () + __rseq_offset;
  if (place >= kernels && place < kernels + 32)
    return true;
#endif
  return place >= books->stack && place < books->frame + CALLEES_PART;
}

__attribute__ ((noinline)) static void
copy_memory (void)
{
  const char *line = books->maps;
  char *start, *end, *copy = books->copy;
  read_maps ();
  while (next_range (&line, &start, &end))
    {
      if (copy + (end - start) > books->copy + COPY)
        abort ();
      memcpy (copy, start, (size_t) (end - start));
      copy += end - start;
    }
}

__attribute__ ((noinline)) static void
compare_memory (void)
{
  const char *line = books->maps, *copy = books->copy;
  char *start, *end;
  books->difference[0] = 0;
  while (next_range (&line, &start, &end))
    for (const char *place = start; place < end; place++, copy++)
      if (*place != *copy && !may_change (place) && !books->difference[0])
        snprintf (books->difference, sizeof books->difference, "the byte at %p (range %p to %p, frame at %p)", place,
                  start, end, books->frame);
}

/* The calls are made on a stack that is known: by a thread to measure, and by a signal handler to compare, for then no
   other thread can change anything, and to measure what the only thread needs. */

__attribute__ ((noinline)) static void *
measure (void *call)
{
  books->frame = __builtin_frame_address (0);
  paint ();
  ((call_function *) call) ();
  long need = measured_need ();
  if (need > books->need)
    books->need = need;
  return NULL;
}

__attribute__ ((noinline)) static void
watch (call_function *call)
{
  books->frame = __builtin_frame_address (0);
  copy_memory ();
  /* Once more, so that the copying itself leaves no difference. */
  copy_memory ();
  call ();
  compare_memory ();
}

static void
in_thread (void *(*function) (void *), call_function *call)
{
  pthread_attr_t attribute;
  pthread_t thread;
  CHECK_EQ (pthread_attr_init (&attribute), 0);
  CHECK_EQ (pthread_attr_setstack (&attribute, books->stack, STACK), 0);
  CHECK_EQ (pthread_create (&thread, &attribute, function, (void *) call), 0);
  CHECK_EQ (pthread_join (thread, NULL), 0);
  pthread_attr_destroy (&attribute);
}

static void
measure_here (call_function *call)
{
  measure ((void *) call);
}

static call_function *handled;
static void (*handle) (call_function *call);

static void
on_signal (int signal)
{
  (void) signal;
  handle (handled);
}

/* qemu-user puts a handler's frame at a multiple of 8 where mips64's convention wants 16.  On a stack that ends so, the
 * first of them is one of 16 too. */
#if defined __mips__ && _MIPS_SIM == _ABI64
# define UNALIGNED 8
#else
# define UNALIGNED 0
#endif

static void
in_handler (void (*function) (call_function *call), call_function *call)
{
  stack_t stack = { .ss_sp = books->stack, .ss_size = STACK - UNALIGNED }, old;
  struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK }, old_action;
  handle = function;
  handled = call;
  CHECK (sigaltstack (&stack, &old) == 0);
  CHECK (sigaction (SIGUSR1, &action, &old_action) == 0);
  CHECK (raise (SIGUSR1) == 0);
  CHECK (sigaction (SIGUSR1, &old_action, NULL) == 0);
  CHECK (sigaltstack (&old, NULL) == 0);
}

static void
prepare (void)
{
  books = mmap (NULL, sizeof *books, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  CHECK (books != MAP_FAILED);
  books->stack = mmap (NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK (books->stack != MAP_FAILED);
  argv_4 = child_argv ("exit_with", "4", NULL);
  name = self_path;
}

static void
ask_for_everything (void)
{
  static posix_spawn_file_actions_t actions_;
  static posix_spawnattr_t attributes_;
  sigset_t all;
  actions = &actions_;
  attributes = &attributes_;
  posix_spawn_file_actions_init (actions);
  posix_spawn_file_actions_addopen (actions, 20, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2 (actions, 20, 21);
  posix_spawn_file_actions_addclose (actions, 20);
#ifndef NO_CLOSEFROM
  posix_spawn_file_actions_addclosefrom_np (actions, 50);
#endif
  posix_spawnattr_init (attributes);
  sigfillset (&all);
  posix_spawnattr_setsigdefault (attributes, &all);
  posix_spawnattr_setflags (attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP
                                          | POSIX_SPAWN_RESETIDS);
}

static bool is_only_thread;

/* The first call is for the loader, which may have to look the function up, and for what is found out only once. */
static void
make_twice (bool compares, call_function *call, int error)
{
  for (int i = 0; i < 2; i++)
    {
      books->pidfd = -7;
      books->need = 0;
      if (compares || is_only_thread)
        in_handler (compares ? watch : measure_here, call);
      else
        in_thread (measure, call);
      CHECK_EQ (books->result, error);
      if (error == 0 && call != call_getpid)
        CHECK_EXIT (books->pidfd, 4);
    }
}

/* A spawn by both functions: without anything, with everything, with a program that is not there, with
   an action that fails. */
static void
each_spawn (void (*check) (call_function *call, int error))
{
  call_function *const calls[] = { call_spawn, call_spawnp };
  for (int i = 0; i < 2; i++)
    {
      actions = NULL;
      attributes = NULL;
      name = self_path;
      check (calls[i], 0);
      name = "/nonexistent/program";
      check (calls[i], ENOENT);
      ask_for_everything ();
      check (calls[i], ENOENT);
      name = self_path;
      check (calls[i], 0);
      posix_spawn_file_actions_adddup2 (actions, 700, 20);
      check (calls[i], EBADF);
    }
  actions = NULL;
  attributes = NULL;
  CHECK (setenv ("PATH", "/nonexistent:/proc:/dev/null::/", 1) == 0);
  name = "no-such-program";
  check (call_spawnp, ENOENT);
}

/* Every step of the child, with a search and without; with a change of user, of which the library keeps count, only if
   that may be seen. */
static void
each_spawn_ext (void (*check) (call_function *call, int error), bool changes_user)
{
  static const struct pidfd_spawn_rlimit limit = { RLIMIT_CORE, 0, 0, 0 };
  static const int inherit[] = { STDERR_FILENO };
  static const uint64_t besides[] = { 0, PIDFD_SPAWN_SEARCH, PIDFD_SPAWN_SEARCH_ENVP, PIDFD_SPAWN_SETUID,
                                      PIDFD_SPAWN_SETUID | PIDFD_SPAWN_SETGID | PIDFD_SPAWN_SEARCH };
  static sigset_t ignored;
  /* Another death signal would meet the program when the thread that makes the call ends. */
  ignored = SIGNALS (SIGUSR2);
  args = *ARGS (.flags = 0, .cloexec_from = 3, .inherit = inherit, .inherit_count = 1, .limits = &limit,
                .limit_count = 1, .ignore = &ignored, .umask = 022, .gid = getgid (), .uid = getuid (),
                .death_signal = SIGCHLD);
  for (size_t i = 0; i < (changes_user ? sizeof besides / sizeof *besides : 3); i++)
    {
      args.flags = besides[i];
      actions = NULL;
      attributes = NULL;
      name = self_path;
      check (call_spawn_ext, 0);
      args.flags |= PIDFD_SPAWN_CLOEXEC_FROM | PIDFD_SPAWN_SETRLIMITS | PIDFD_SPAWN_SETUMASK
                    | PIDFD_SPAWN_SETSIGIGNORE | PIDFD_SPAWN_NO_NEW_PRIVS | PIDFD_SPAWN_PDEATHSIG;
      ask_for_everything ();
      check (call_spawn_ext, 0);
      name = "/nonexistent/program";
      check (call_spawn_ext, ENOENT);
      if (args.flags & (PIDFD_SPAWN_SEARCH | PIDFD_SPAWN_SEARCH_ENVP))
        {
          name = "no-such-program";
          check (call_spawn_ext, ENOENT);
        }
      posix_spawn_file_actions_adddup2 (actions, 700, 20);
      check (call_spawn_ext, EBADF);
    }
}

static void
check_memory (call_function *call, int error)
{
  make_twice (true, call, error);
  if (books->difference[0])
    FAIL ("%s was changed", books->difference);
}

static void
print_need (const char *what, long need, long most)
{
  if (getenv ("VERBOSE"))
    printf ("# %s: %ld bytes of stack, %ld are stated\n", what, need, most);
  fflush (stdout);
}

static void
check_need (const char *what, call_function *call, int error, long most)
{
  make_twice (false, call, error);
  print_need (what, books->need, most);
  CHECK (books->need > UNPAINTED / 2);
  if (books->need > most)
    FAIL ("%s needs %ld bytes of stack, %ld are stated", what, books->need, most);
}

static void
check_spawn_need (call_function *call, int error)
{
  long besides = calls_libc () ? NEED_BESIDES : 0;
  if (call == call_spawn)
    check_need ("pidfd_spawn", call, error, NEED_SPAWN + besides);
  else if (call == call_spawn_ext)
    check_need (format ("pidfd_spawn_ext (%#llx)", (unsigned long long) args.flags), call, error,
                NEED_SPAWN_EXT + besides);
  else
    check_need ("pidfd_spawnp", call, error, NEED_SPAWNP + besides);
}

/* That a difference would be noticed. */
static void
write_somewhere (void)
{
  static char somewhere;
  ++*(volatile char *) &somewhere; /* not merely set, in the eyes of a compiler */
  books->result = ENOENT;
}

TEST (a_change_is_noticed)
{
  prepare ();
  make_twice (true, write_somewhere, ENOENT);
  CHECK (books->difference[0]);
}

TEST (a_spawn_changes_no_memory)
{
  prepare ();
  each_spawn (check_memory);
  each_spawn_ext (check_memory, false);
}

TEST (a_spawn_without_clone3_changes_no_memory)
{
  refuse_call (SYS_clone3, ENOSYS);
  prepare ();
  each_spawn (check_memory);
  each_spawn_ext (check_memory, false);
}

TEST_LEAVING (getpid_changes_no_memory)
{
  prepare ();
  subject = sys_pidfd_open (getpid (), 0);
  check_memory (call_getpid, 0);
  refuse_call (SYS_ioctl, ENOTTY);
  check_memory (call_getpid, 0);
}

TEST (the_stack_that_a_spawn_needs)
{
  prepare ();
  each_spawn (check_spawn_need);
  each_spawn_ext (check_spawn_need, true);
}

TEST (the_stack_that_a_spawn_needs_without_clone3)
{
  refuse_call (SYS_clone3, ENOSYS);
  prepare ();
  each_spawn (check_spawn_need);
  each_spawn_ext (check_spawn_need, true);
}

/* Of several threads glibc knows without a look into procfs that they are several. */
TEST (the_stack_that_a_spawn_of_the_only_thread_needs_without_clone3)
{
  refuse_call (SYS_clone3, ENOSYS);
  prepare ();
  is_only_thread = true;
  each_spawn (check_spawn_need);
  each_spawn_ext (check_spawn_need, true);
}

TEST (the_stack_that_a_spawn_needs_without_close_range)
{
  prepare ();
  refuse_call (SYS_close_range, ENOSYS);
  each_spawn (check_spawn_need);
  each_spawn_ext (check_spawn_need, true);
}

static __typeof__ (posix_spawnp) *spawnp;

static void
call_posix_spawnp (void)
{
  pid_t pid;
  books->result = spawnp (&pid, name, actions, attributes, argv_4, environ);
}

/* Whose place the shared library takes, also in programs that know nothing of it. */
TEST (the_stack_that_posix_spawnp_needs)
{
  prepare ();
  void *libc = dlopen ("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
  if (!libc || !(*(void **) &spawnp = dlsym (libc, "posix_spawnp")))
    SKIP ("the libc's own posix_spawnp is not found");
  name = "no-such-program";
  pid_t pid;
  if (posix_spawn (&pid, name, NULL, NULL, argv_4, environ) != ENOENT)
    SKIP ("the libc's own functions tell no errors here");
  make_twice (false, call_posix_spawnp, ENOENT);
  long libcs = books->need;
  spawnp = posix_spawnp;
  make_twice (false, call_posix_spawnp, ENOENT);
  print_need ("posix_spawnp, besides the libc's", books->need - libcs, NEED_PASSED_ON);
  CHECK (libcs > UNPAINTED / 2);
  if (books->need > libcs + NEED_PASSED_ON)
    FAIL ("posix_spawnp needs %ld bytes of stack, the libc's own %ld", books->need, libcs);
}

TEST (the_stack_that_a_fork_needs)
{
  prepare ();
  check_need ("pidfd_fork (0)", call_fork, 0, NEED_FORK);
  fork_flags = PIDFDFORK_ASYNCSAFE;
  need_asyncsafe_fork (fork_flags);
  check_need ("pidfd_fork (PIDFDFORK_ASYNCSAFE)", call_fork, 0, NEED_FORK);
}

TEST_LEAVING (the_stack_that_getpid_needs)
{
  prepare ();
  subject = sys_pidfd_open (getpid (), 0);
  check_need ("pidfd_getpid", call_getpid, 0, NEED_GETPID);
  refuse_call (SYS_ioctl, ENOTTY);
  check_need ("pidfd_getpid by procfs", call_getpid, 0, NEED_GETPID);
}

/* ---- The library's own memory ---- */

enum { WRITABLE, READ_ONLY };

struct protection {
  void *function; /* of the object */
  int access, parts;
};

static int
protect_object (struct dl_phdr_info *info, size_t size, void *argument)
{
  struct protection *protection = argument;
  uintptr_t wanted = (uintptr_t) protection->function, page = (uintptr_t) sysconf (_SC_PAGESIZE), relro = 0;
  bool is_it = false;
  (void) size;
  for (int i = 0; i < info->dlpi_phnum; i++)
    {
      const ElfW (Phdr) *part = &info->dlpi_phdr[i];
      uintptr_t start = info->dlpi_addr + part->p_vaddr;
      is_it |= part->p_type == PT_LOAD && wanted >= start && wanted < start + part->p_memsz;
      if (part->p_type == PT_GNU_RELRO)
        relro = (start + part->p_memsz) & -page;
    }
  if (!is_it || !*info->dlpi_name)
    return 0;
  for (int i = 0; i < info->dlpi_phnum; i++)
    {
      const ElfW (Phdr) *part = &info->dlpi_phdr[i];
      uintptr_t start = (info->dlpi_addr + part->p_vaddr) & -page;
      uintptr_t end = info->dlpi_addr + part->p_vaddr + part->p_memsz;
      if (part->p_type != PT_LOAD || !(part->p_flags & PF_W))
        continue;
      /* What the loader has made read-only stays so. */
      if (start < relro && relro <= end)
        start = relro;
      if (start >= end || start < relro)
        continue;
      int access = protection->access == WRITABLE ? PROT_READ | PROT_WRITE : PROT_READ;
      if (part->p_flags & PF_X)
        access |= PROT_EXEC;
      CHECK (mprotect ((void *) start, end - start, access) == 0);
      protection->parts++;
    }
  return 1;
}

/* After the first calls nothing of the library is written any more: it stays one page, shared with every fork. */
TEST (no_page_of_the_library_is_written)
{
  if (NOT_GLIBC)
    SKIP ("the libc's malloc uses what is left of the library's last page");
  struct protection protection = { dlsym (RTLD_DEFAULT, "pidfd_spawn"), READ_ONLY, 0 };
#if defined MODE_STATIC
  SKIP ("the library is a part of the program");
#endif
  CHECK (protection.function != NULL);
  for (int round = 0; round < 2; round++)
    {
      if (round == 1)
        dl_iterate_phdr (protect_object, &protection);
      int pidfd = -1;
      CHECK_EQ (SPAWN (&pidfd, self_path, NULL, NULL, child_argv ("exit_with", "4", NULL), environ), 0);
      CHECK_EXIT (pidfd, 4);
      CHECK_ERROR (SPAWNP (&pidfd, "no-such-program", NULL, NULL, child_argv ("exit_with", "4", NULL), environ),
                   ENOENT);
      /* Not with a change of the user, which is counted. */
      CHECK_EQ (spawn_ext (&pidfd, self_path, NULL, NULL, child_argv ("exit_with", "4", NULL),
                           ARGS (.flags = PIDFD_SPAWN_SETUMASK)),
                0);
      CHECK_EQ (pidfd_wait (pidfd, NULL, WEXITED, NULL), 0);
      CHECK (close (pidfd) == 0);
      for (unsigned int flags = 0; flags <= last_fork_flags (); flags += PIDFDFORK_ASYNCSAFE)
        {
          pidfd = pidfd_fork (flags);
          if (pidfd == 0)
            _exit (5);
          CHECK (pidfd > 0 && pidfd_getpid (pidfd) > 0);
          CHECK_EXIT (pidfd, 5);
        }
    }
  CHECK (protection.parts > 0);
  protection.access = WRITABLE;
  dl_iterate_phdr (protect_object, &protection);
}
