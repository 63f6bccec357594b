/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Descriptors and pidfd_fork.  While handlers of pthread_atfork run there may be descriptors of the library's own.
 * They are close-on-exec and never 0, 1 or 2: the handler of a daemon that has these closed writes to nothing.  And
 * handlers may close and open what they like. */

#include "fork.h"

#include <sys/eventfd.h>
#include <sys/socket.h>

enum { MOST = 256 };

/* What is open, and what a handler found beside that. */
static bool open_before[MOST];

static struct {
  volatile int calls, standard, without_cloexec;
} *found;

static void
look (void)
{
  found->calls++;
  for (int fd = 0; fd < MOST; fd++)
    if (!open_before[fd] && is_open (fd))
      {
        if (fd < 3)
          found->standard++;
        if (!(fcntl (fd, F_GETFD) & FD_CLOEXEC))
          found->without_cloexec++;
      }
}

static void
look_before (void)
{
  found = mmap (NULL, sizeof *found, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK (found != MAP_FAILED);
  for (int fd = 0; fd < MOST; fd++)
    open_before[fd] = is_open (fd);
}

static void
check_found (int calls)
{
  CHECK_EQ (found->calls, calls);
  CHECK_EQ (found->standard, 0);
  CHECK_EQ (found->without_cloexec, 0);
}

/* Each bit of the set says that the standard descriptor of that number is closed. */
struct scene {
  int set;
  bool has_threads;
};

static void
set_scene (const struct scene *scene)
{
  if (scene->has_threads)
    start_idle_threads (1);
  for (int fd = 0; fd < 3; fd++)
    if (scene->set >> fd & 1)
      close (fd);
}

static void
look_with_closed (void *scene_)
{
  const struct scene *scene = scene_;
  set_scene (scene);
  look_before ();
  CHECK_EQ (pthread_atfork (look, look, look), 0);
  int pidfd = FORK (0);
  for (int fd = 0; fd < 3; fd++)
    CHECK_EQ (is_open (fd) && (pidfd == 0 || pidfd != fd), !(scene->set >> fd & 1));
  if (pidfd == 0)
    _exit (FINE);
  CHECK (pidfd > 0);
  CHECK_EXIT (pidfd, FINE);
  check_found (3);
}

TEST (handlers_find_standard_descriptors_as_the_caller_has_them)
{
  for (int i = 0; i < 16; i++)
    {
      struct scene scene = { i / 2, i % 2 };
      CHECK_EQ (in_fork (look_with_closed, &scene), 0);
    }
}

/* What a daemon's handler writes to a closed standard error goes nowhere. */
static volatile int written;

static void
write_to_standard_error (void)
{
  /* As much as an eventfd takes. */
  static const char words[] = "forked!\n";
  if (write (STDERR_FILENO, words, sizeof words - 1) >= 0 || errno != EBADF)
    written++;
}

static void
fork_as_a_daemon (void *scene_)
{
  set_scene (scene_);
  CHECK_EQ (pthread_atfork (write_to_standard_error, write_to_standard_error, write_to_standard_error), 0);
  int pidfd = FORK (0);
  if (pidfd == 0)
    _exit (written ? 1 : FINE);
  CHECK_EQ (written, 0);
  CHECK_EXIT (pidfd, FINE);
}

TEST (handlers_write_to_a_closed_standard_error)
{
  for (int set = 4; set < 8; set++)
    for (int has_threads = 0; has_threads < 2; has_threads++)
      CHECK_EQ (in_fork (fork_as_a_daemon, &(struct scene) { set, has_threads }), 0);
}

/* A handler of the child that closes all, as those do that start a daemon. */

static void
close_all (void)
{
  for (int fd = 0; fd < MOST; fd++)
    close (fd);
}

ALONE_AND_AMONG_THREADS (a_child_handler_closes_every_descriptor)
{
  CHECK_EQ (pthread_atfork (NULL, NULL, close_all), 0);
  int pidfd = FORK (0);
  if (pidfd == 0)
    {
      for (int fd = 0; fd < MOST; fd++)
        if (is_open (fd))
          _exit (1);
      _exit (FINE);
    }
  if (pidfd < 0)
    FAIL ("%s", strerror (errno));
  CHECK_EXIT (pidfd, FINE);
}

static void
close_all_slowly (void)
{
  close_all ();
  usleep (2000);
}

/* What the parent has open when the child looks for what it lost may be another call's. */
ALONE_AND_AMONG_THREADS (a_child_handler_closes_every_descriptor_while_the_parent_goes_on)
{
  enum { FORKS = 24 };
  int pidfds[FORKS];
  CHECK_EQ (pthread_atfork (NULL, NULL, close_all_slowly), 0);
  for (int i = 0; i < FORKS; i++)
    {
      pidfds[i] = FORK (0);
      CHECK (pidfds[i] >= 0);
      if (pidfds[i] == 0)
        _exit (FINE);
    }
  for (int i = 0; i < FORKS; i++)
    CHECK_EXIT (pidfds[i], FINE);
}

/* The child may not fetch what it lost from the parent, as in most sandboxes. */
ALONE_AND_AMONG_THREADS (a_child_handler_closes_every_descriptor_in_a_sandbox)
{
  refuse_call (SYS_pidfd_getfd, EPERM);
  a_child_handler_closes_every_descriptor ();
}

ALONE_AND_AMONG_THREADS (a_child_handler_closes_every_descriptor_where_no_memory_is_read)
{
  refuse_call (SYS_process_vm_readv, EPERM);
  a_child_handler_closes_every_descriptor ();
}

#if HAVE_LIBRARY

/* A handler that closes some, and opens others in their place, which stay. */
static int first_new, open_flags;

static void
close_and_open (void)
{
  for (int fd = first_new; fd < MOST; fd++)
    close (fd);
  if (open ("/dev/null", open_flags) != first_new)
    _exit (2);
}

ALONE_AND_AMONG_THREADS (a_child_handler_opens_files_in_the_place_of_others)
{
  int hole = open ("/dev/null", O_RDONLY);
  first_new = open ("/dev/null", O_RDONLY) + 1;
  CHECK (hole >= 0 && close (hole) == 0);
  CHECK_EQ (pthread_atfork (NULL, NULL, close_and_open), 0);
  /* As the library's own copy of a descriptor would be, if nobody looked further. */
  for (int kind = 0; kind < 2; kind++)
    {
      open_flags = kind ? O_RDONLY | O_NONBLOCK : O_WRONLY;
      int pidfd = FORK (0);
      if (pidfd == 0)
        _exit ((fcntl (first_new, F_GETFL) & (O_ACCMODE | O_NONBLOCK)) == open_flags ? FINE : 1);
      CHECK (pidfd > 0);
      CHECK_EXIT (pidfd, FINE);
    }
  CHECK (close (first_new - 1) == 0);
}

ALONE_AND_AMONG_THREADS (a_child_handler_closes_every_descriptor_beside_a_slow_parent)
{
  CHECK_EQ (pthread_atfork (NULL, take_time, close_all), 0);
  int pidfd = pidfd_fork (0);
  if (pidfd == 0)
    _exit (FINE);
  CHECK_EXIT (pidfd, FINE);
}

static int listener;

static void *
continue_late (void *unused)
{
  struct notified_call call;
  while (!receive_call (listener, &call))
    continue;
  usleep (300000);
  CHECK (continue_call (listener, &call));
  return unused;
}

/* The listener stays. */
TEST_LEAVING (a_child_handler_closes_every_descriptor_before_the_parent_has_named_it)
{
  pthread_t thread;
  CHECK_EQ (pthread_atfork (NULL, NULL, close_all), 0);
  listener = filter_pidfds_of_others (FILTER_NOTIFY, FILTER_LISTENER);
  CHECK_EQ (pthread_create (&thread, NULL, continue_late, NULL), 0);
  int pidfd = pidfd_fork (0);
  if (pidfd == 0)
    _exit (FINE);
  CHECK_EQ (pthread_join (thread, NULL), 0);
  CHECK_EXIT (pidfd, FINE);
}

static void
close_all_late (void)
{
  close_all ();
  usleep (100000);
}

/* The child looks while the parent names the next one. */
TEST_LEAVING (a_child_handler_closes_every_descriptor_before_the_parent_names_another)
{
  pthread_t thread;
  /* A number for the listener, so that both calls have the same ones. */
  int pidfds[2], number = dup (STDERR_FILENO);
  CHECK (number >= 0);
  CHECK_EQ (pthread_atfork (NULL, NULL, close_all_late), 0);
  for (int i = 0; i < 2; i++)
    {
      pidfds[i] = pidfd_fork (0);
      if (pidfds[i] == 0)
        _exit (FINE);
      CHECK (pidfds[i] > 0);
      if (i == 0)
        {
          CHECK (close (number) == 0);
          listener = filter_pidfds_of_others (FILTER_NOTIFY, FILTER_LISTENER);
          CHECK_EQ (pthread_create (&thread, NULL, continue_late, NULL), 0);
        }
    }
  for (int i = 0; i < 2; i++)
    CHECK_EXIT (pidfds[i], FINE);
}

static void
close_all_but_the_line (void)
{
  for (int fd = 0; fd < MOST; fd++)
    if (fd != line[1])
      close (fd);
}

static void
kill_the_child_after_a_while (void)
{
  pid_t child = await_child ();
  usleep (100000);
  CHECK (kill (child, SIGKILL) == 0);
}

/* It does not go on before it has a name either, unless it cannot get one. */
ALONE_AND_AMONG_THREADS (a_child_handler_closes_every_descriptor_and_the_child_waits)
{
  if (!descriptors_are_available ())
    SKIP ("the parent's descriptors are unavailable");
  CHECK_EQ (pthread_atfork (NULL, NULL, close_all_but_the_line), 0);
  register_handlers (kill_the_child_after_a_while);
  open_line ();
  int pidfd = fork_telling (0);
  CHECK (!was_told ());
  if (pidfd > 0)
    CHECK_KILLED (pidfd, SIGKILL);
}

/* And nobody keeps the status of a child, so that its number may be another process's any time.  If there is no proof
   that it is not there is no child. */
ALONE_AND_AMONG_THREADS (a_child_handler_closes_every_descriptor_with_SIGCHLD_ignored)
{
  bool in_container = !descriptors_are_available ();
  signal (SIGCHLD, SIG_IGN);
  CHECK_EQ (pthread_atfork (NULL, NULL, close_all_but_the_line), 0);
  for (int sandboxed = in_container; sandboxed < 2; sandboxed++)
    {
      if (sandboxed)
        refuse_call (SYS_pidfd_getfd, EPERM);
      open_line ();
      int pidfd = fork_telling (0);
      if (was_told () && pidfd < 0)
        FAIL ("the call failed though code of the program ran");
      CHECK (pidfd > 0 || sandboxed);
      if (pidfd > 0)
        CHECK (close (pidfd) == 0);
      while (waitpid (-1, NULL, 0) > 0)
        continue;
    }
}

#endif

/* And has others opened in their place, with something to read. */
static const char letters[] = "12345678abcdefgh";
static int opened[MOST / 4];

static void
open_in_place_of_all (void)
{
  for (int fd = 0; fd < MOST; fd++)
    if (!open_before[fd])
      close (fd);
  for (size_t i = 0; i < sizeof opened / sizeof opened[0]; i += 2)
    {
      /* Opened for both directions and not blocking, as the library's own descriptor may be. */
      CHECK (i % 4 ? pipe (&opened[i]) == 0 : socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, &opened[i]) == 0);
      CHECK_EQ (write (opened[i + 1], letters, sizeof letters), sizeof letters);
    }
}

ALONE_AND_AMONG_THREADS (a_child_handler_has_others_in_place_of_every_descriptor)
{
  look_before ();
  CHECK_EQ (pthread_atfork (NULL, NULL, open_in_place_of_all), 0);
  int pidfd = FORK (0);
  if (pidfd == 0)
    {
      char text[2 * sizeof letters];
      for (size_t i = 0; i < sizeof opened / sizeof opened[0]; i += 2)
        {
          CHECK (fcntl (opened[i], F_GETFD) == 0 && fcntl (opened[i + 1], F_GETFD) == 0);
          CHECK_EQ (read (opened[i], text, sizeof text), sizeof letters);
          CHECK_STR (text, letters);
        }
      _exit (FINE);
    }
  if (pidfd < 0)
    FAIL ("%s", strerror (errno));
  CHECK_EXIT (pidfd, FINE);
}

/* Eventfds, of which one has the number of the library's, if that has one. */
static void
open_eventfds_in_place_of_all (void)
{
  for (int fd = 0; fd < MOST; fd++)
    if (!open_before[fd])
      close (fd);
  for (size_t i = 0; i < sizeof opened / sizeof opened[0]; i++)
    CHECK ((opened[i] = eventfd (5, EFD_NONBLOCK)) >= 0);
}

ALONE_AND_AMONG_THREADS (a_child_handler_has_eventfds_in_place_of_every_descriptor)
{
  look_before ();
  CHECK_EQ (pthread_atfork (NULL, NULL, open_eventfds_in_place_of_all), 0);
  int pidfd = FORK (0);
  if (pidfd == 0)
    {
      eventfd_t value;
      for (size_t i = 0; i < sizeof opened / sizeof opened[0]; i++)
        {
          CHECK_EQ (fcntl (opened[i], F_GETFD), 0);
          CHECK_EQ (eventfd_read (opened[i], &value), 0);
          CHECK_EQ (value, 5);
        }
      _exit (FINE);
    }
  if (pidfd < 0)
    FAIL ("%s", strerror (errno));
  CHECK_EXIT (pidfd, FINE);
}

/* Handlers that close 0. */

static int handler_that_closes;

static void
close_zero (int handler)
{
  if (handler == handler_that_closes)
    close (0);
}

static void
close_zero_in_prepare (void)
{
  close_zero (0);
}

static void
close_zero_in_parent (void)
{
  close_zero (1);
}

ALONE_AND_AMONG_THREADS (a_handler_closes_0)
{
  int kept = fcntl (0, F_DUPFD_CLOEXEC, 3);
  CHECK (kept >= 0);
  CHECK_EQ (pthread_atfork (close_zero_in_prepare, close_zero_in_parent, NULL), 0);
  for (handler_that_closes = 0; handler_that_closes < 2; handler_that_closes++)
    {
      CHECK (dup2 (kept, 0) == 0);
      int pidfd = FORK (0);
      if (pidfd == 0)
        _exit (is_open (0) == (handler_that_closes == 1) ? FINE : 1);
      CHECK (pidfd > 0);
      CHECK (!is_open (0));
      CHECK_EQ (fcntl (pidfd, F_GETFD), FD_CLOEXEC);
      CHECK_EXIT (pidfd, FINE);
    }
  CHECK (dup2 (kept, 0) == 0);
  CHECK (close (kept) == 0);
}

#if HAVE_LIBRARY

/* No descriptor. */

static void
count (void)
{
  count_chld ();
  CHECK_EQ (pthread_atfork (count_prepare, NULL, NULL), 0);
  prepared = chld_count = 0;
}

/* The call that finds none: nothing was begun. */
static void
check_nothing_begun (unsigned int flags)
{
  errno = 0;
  int pidfd = pidfd_fork (flags), error = errno;
  if (pidfd == 0)
    _exit (FINE);
  CHECK_EQ (pidfd, -1);
  CHECK_EQ (error, EMFILE);
  CHECK_NO_CHILD ();
  if (prepared)
    FAIL ("a prepare handler ran");
  CHECK_EQ (chld_count, 0);
}

/* How many numbers below the limit are free. */
static void
leave_free (int number)
{
  int top = fcntl (2, F_DUPFD_CLOEXEC, 3);
  CHECK (top > 0);
  for (int fd = 0; fd < top; fd++)
    CHECK (is_open (fd));
  limit_descriptors ((rlim_t) (top + 1 + number));
}

static void
fork_with_none (void *scene_)
{
  const struct scene *scene = scene_;
  if (scene->has_threads)
    start_idle_threads (1);
  count ();
  leave_free (0);
  if (scene->set == 1)
    close (0);
  if (scene->set == 2)
    limit_descriptors (0);
  for (unsigned int flags = 0; flags <= last_fork_flags (); flags += PIDFDFORK_ASYNCSAFE)
    check_nothing_begun (flags);
  CHECK_EQ (is_open (0), scene->set != 1);
}

static void
try_with_none (int set)
{
  for (int has_threads = 0; has_threads < 2; has_threads++)
    CHECK_EQ (in_fork (fork_with_none, &(struct scene) { set, has_threads }), 0);
}

TEST (with_no_free_descriptor_no_handler_runs)
{
  try_with_none (0);
}

TEST (with_only_0_free_no_handler_runs)
{
  try_with_none (1);
}

TEST (with_a_limit_of_0_no_handler_runs)
{
  try_with_none (2);
}

/* How many the call needs is up to it, but it knows before it begins.  With the last of them it works. */
static void
fork_with_few (void *scene_)
{
  enum { ENOUGH = 5 };
  const struct scene *scene = scene_;
  if (scene->has_threads)
    start_idle_threads (1);
  leave_free (scene->set);
  count ();
  int pidfd = pidfd_fork (0), error = errno;
  if (pidfd == 0)
    _exit (FINE);
  if (pidfd > 0)
    {
      CHECK_EQ (prepared, 1);
      CHECK_EXIT (pidfd, FINE);
      return;
    }
  CHECK (scene->set < ENOUGH);
  CHECK_EQ (error, EMFILE);
  CHECK_EQ (prepared, 0);
  CHECK_EQ (chld_count, 0);
}

TEST (with_few_free_descriptors_it_works_or_nothing_is_begun)
{
  for (int i = 0; i < 14; i++)
    CHECK_EQ (in_fork (fork_with_few, &(struct scene) { i / 2, i % 2 }), 0);
}

/* A handler that takes what descriptors it can get leaves those that the call has reserved. */
static int gotten;

static void
take_all_descriptors (void)
{
  while (dup (2) >= 0)
    gotten++;
}

static void
fork_beside_a_taker (void *scene_)
{
  const struct scene *scene = scene_;
  if (scene->has_threads)
    start_idle_threads (1);
  leave_free (20);
  if (scene->set == 0)
    CHECK_EQ (pthread_atfork (take_all_descriptors, NULL, NULL), 0);
  else
    CHECK_EQ (pthread_atfork (NULL, take_all_descriptors, NULL), 0);
  int pidfd = pidfd_fork (0);
  if (pidfd == 0)
    _exit (FINE);
  if (pidfd < 0)
    FAIL ("%s", strerror (errno));
  CHECK (gotten > 10);
  CHECK_EXIT (pidfd, FINE);
}

TEST (a_handler_takes_all_descriptors)
{
  for (int i = 0; i < 4; i++)
    CHECK_EQ (in_fork (fork_beside_a_taker, &(struct scene) { i / 2, i % 2 }), 0);
}

/* The descriptors of the two sides. */

EACH_CALLER (the_child_has_the_descriptors_of_the_caller)
{
  char *before = descriptor_table ();
  int pidfd = fork_by (flags);
  if (pidfd == 0)
    {
      CHECK_STR (descriptor_table (), before);
      _exit (FINE);
    }
  CHECK_EXIT (pidfd, FINE);
  CHECK_STR (descriptor_table (), before);
}

/* It has waited, and what it waited by is gone. */
ALONE_AND_AMONG_THREADS (the_child_of_a_slow_parent_has_the_descriptors_of_the_caller)
{
  CHECK_EQ (pthread_atfork (NULL, take_time, NULL), 0);
  the_child_has_the_descriptors_of_the_caller (0);
}

EACH_CALLER (descriptor_0_is_not_used)
{
  int kept = fcntl (0, F_DUPFD_CLOEXEC, 3);
  close (0);
  char *before = descriptor_table ();
  int pidfd = pidfd_fork (flags);
  CHECK (pidfd != -1);
  if (pidfd == 0)
    {
      CHECK (!is_open (0));
      CHECK_STR (descriptor_table (), before);
      _exit (FINE);
    }
  CHECK (!is_open (0));
  CHECK_EXIT (pidfd, FINE);
  CHECK_STR (descriptor_table (), before);
  if (kept >= 0)
    {
      CHECK_EQ (dup2 (kept, 0), 0);
      close (kept);
    }
}

EACH_CALLER (descriptors_0_to_2_are_closed)
{
  int kept[3];
  for (int i = 0; i < 3; i++)
    kept[i] = fcntl (i, F_DUPFD_CLOEXEC, 3);
  for (int i = 0; i < 3; i++)
    close (i);
  struct witness witness = fork_witness (flags);
  CHECK (witness.pidfd > 0);
  CHECK_EQ (pidfd_getpid (witness.pidfd), witness.pid);
  let_go (witness);
  CHECK_EXIT (witness.pidfd, FINE);
  for (int i = 0; i < 3; i++)
    if (kept[i] >= 0)
      {
        dup2 (kept[i], i);
        close (kept[i]);
      }
}

EACH_CALLER (no_free_descriptor_is_EMFILE_and_no_child)
{
  count_chld ();
  use_up_descriptors ();
  for (int i = 0; i < 5; i++)
    CHECK_NO_FORK (flags, EMFILE);
  give_back_descriptors ();
  CHECK_EQ (chld_count, 0);
  int pidfd = fork_by (flags);
  if (pidfd == 0)
    _exit (FINE);
  CHECK_EXIT (pidfd, FINE);
}

BOTH_KINDS (no_free_descriptor_but_0_is_EMFILE)
{
  int kept = fcntl (0, F_DUPFD_CLOEXEC, 3);
  close (0);
  /* 0 is the only hole below the limit, and no answer. */
  int top = fcntl (2, F_DUPFD_CLOEXEC, 1);
  CHECK (top > 0);
  rlim_t limit = limit_descriptors ((rlim_t) top + 1);
  CHECK_NO_FORK (flags, EMFILE);
  CHECK (!is_open (0));
  limit_descriptors (limit);
  close (top);
  if (kept >= 0)
    {
      dup2 (kept, 0);
      close (kept);
    }
}

BOTH_KINDS (with_no_free_descriptor_the_system_makes_no_process)
{
  int stat = open ("/proc/stat", O_RDONLY | O_CLOEXEC);
  processes_made (stat);
  use_up_descriptors ();
  /* Others make processes as well; once in a while they are fewer than ours would be. */
  enum { CALLS = 50 };
  long made = CALLS;
  for (int i = 0; i < 20 && made >= CALLS; i++)
    {
      long before = processes_made (stat);
      for (int j = 0; j < CALLS; j++)
        CHECK_NO_FORK (flags, EMFILE);
      made = processes_made (stat) - before;
    }
  give_back_descriptors ();
  close (stat);
  CHECK (made < CALLS);
}

#endif
