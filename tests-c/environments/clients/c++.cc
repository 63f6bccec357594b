// SPDX-License-Identifier: MIT OR Apache-2.0
//
//   c++ fork|pidfd_fork prepare|parent|child
//
// That handler of pthread_atfork throws.  The exception comes to the caller, who finds the signal mask as it was and
// can fork again.
//
//   c++ waitid|pidfd_wait cancel
//
// A thread is cancelled that waits so.  The destructors of its objects run.
//
// Says what is wrong and ends with status 1, or says nothing.

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" int pidfd_fork (unsigned int) __attribute__ ((weak));
extern "C" int pidfd_wait (int, siginfo_t *, int, struct rusage *) __attribute__ ((weak));

namespace {

enum { FINE = 40 };

struct stop_it
{
};

bool throws[3];

template <int number>
void
handler ()
{
  if (throws[number])
    throw stop_it ();
}

[[noreturn]] void
complain (const char *what)
{
  printf ("%s: %s\n", what, strerror (errno));
  fflush (stdout);
  _exit (1);
}

unsigned long long
mask_now ()
{
  unsigned long long mask = 0;
  syscall (SYS_rt_sigprocmask, SIG_BLOCK, nullptr, &mask, 8);
  return mask;
}

int
fork_as_int (unsigned int)
{
  // The declaration says that it throws nothing, and then a compiler leaves out what would catch.
  static pid_t (*volatile function) () = fork;
  return function ();
}

void
check_fork (int (*volatile function) (unsigned int), bool by_pidfd)
{
  int result = function (0);
  if (result == 0)
    _exit (FINE);
  siginfo_t info;
  if (result < 0)
    complain ("the next call");
  idtype_t kind = by_pidfd ? static_cast<idtype_t> (3) /* P_PIDFD */ : P_PID;
  if (waitid (kind, static_cast<id_t> (result), &info, WEXITED) != 0)
    complain ("waiting");
  if (info.si_code != CLD_EXITED || info.si_status != FINE)
    complain ("the next child ended otherwise");
}

// Nobody ends it before this process does.
int
child_that_stays ()
{
  int lifeline[2];
  if (pipe (lifeline) != 0)
    complain ("pipe");
  pid_t pid = fork ();
  if (pid == 0)
    {
      close (lifeline[1]);
      char nothing;
      _exit (read (lifeline[0], &nothing, 1) == 0 ? FINE : 1);
    }
  return static_cast<int> (syscall (434 /* pidfd_open */, pid, 0));
}

volatile bool waits, destroyed;

struct object
{
  ~object () { destroyed = true; }
};

void *
wait_with_an_object (void *by_library)
{
  object object;
  int pidfd = child_that_stays ();
  siginfo_t info;
  waits = true;
  if (by_library)
    pidfd_wait (pidfd, &info, WEXITED, nullptr);
  else
    waitid (static_cast<idtype_t> (3) /* P_PIDFD */, static_cast<id_t> (pidfd), &info, WEXITED);
  complain ("the wait has ended");
}

[[noreturn]] void
check_cancellation (bool by_library)
{
  pthread_t thread;
  if (pthread_create (&thread, nullptr, wait_with_an_object, by_library ? &thread : nullptr) != 0)
    complain ("pthread_create");
  while (!waits)
    usleep (1000);
  // Most likely within the wait.
  usleep (50000);
  void *result;
  if (pthread_cancel (thread) != 0 || pthread_join (thread, &result) != 0 || result != PTHREAD_CANCELED)
    complain ("pthread_cancel");
  errno = 0;
  if (!destroyed)
    complain ("the object's destructor has not run");
  _exit (0);
}

} // namespace

int
main (int argc, char **argv)
{
  if (argc != 3)
    return 2;
  if (strcmp (argv[2], "cancel") == 0)
    {
      bool by_library = strcmp (argv[1], "pidfd_wait") == 0;
      if (by_library && !pidfd_wait)
        complain ("no pidfd_wait");
      check_cancellation (by_library);
    }
  bool by_pidfd = strcmp (argv[1], "pidfd_fork") == 0;
  if (by_pidfd && !pidfd_fork)
    complain ("no pidfd_fork");
  int (*volatile function) (unsigned int) = by_pidfd ? pidfd_fork : fork_as_int;
  int thrower = strcmp (argv[2], "prepare") == 0 ? 0 : strcmp (argv[2], "parent") == 0 ? 1 : 2;

  pthread_atfork (handler<0>, handler<1>, handler<2>);
  sigset_t blocked;
  sigemptyset (&blocked);
  sigaddset (&blocked, SIGUSR2);
  pthread_sigmask (SIG_SETMASK, &blocked, nullptr);
  unsigned long long mask = mask_now ();
  pid_t self = getpid ();
  bool caught = false;
  throws[thrower] = true;
  try
    {
      int result = function (0);
      if (result == 0)
        _exit (FINE);
      if (result < 0)
        complain ("the call");
    }
  catch (const stop_it &)
    {
      caught = true;
    }
  throws[thrower] = false;
  if (mask_now () != mask)
    complain ("the signal mask is another one");
  if (getpid () != self)
    _exit (caught ? FINE : 1);
  if (caught != (thrower != 2))
    complain (caught ? "the parent caught it" : "nobody caught it");
  check_fork (function, by_pidfd);
  if (thrower != 2)
    _exit (0);
  int status;
  if (waitpid (-1, &status, 0) <= 0 || !WIFEXITED (status) || WEXITSTATUS (status) != FINE)
    complain ("the child caught nothing");
  _exit (0);
}
