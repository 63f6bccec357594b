/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The cases of pidfd_wait. */

#include "fault.h"
#include "child.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pidfd_spawn.h>

/* What is waited for, and how. */
static bool is_stranger, is_held, has_ended, was_taken;
static int options, pidfd_flags;

void
have_ended_child (void)
{
  has_ended = true;
}

void
have_running_child (void)
{
}

/* Whether the kernel tells the exit status of a process that was waited for (Linux 6.15). */
static bool
kernel_tells (void)
{
  enum { EXIT = 1 << 3 };
  struct {
    unsigned long long mask;
    unsigned int rest[14];
  } info = { .mask = EXIT };
  pid_t pid = fork ();
  CHECK (pid >= 0);
  if (pid == 0)
    _exit (0);
  int pidfd = (int) syscall (SYS_pidfd_open, pid, 0);
  CHECK (pidfd >= 0 && waitpid (pid, NULL, 0) == pid);
  bool tells = ioctl (pidfd, _IOWR (0xff, 11, info), &info) == 0 && info.mask & EXIT;
  close (pidfd);
  return tells;
}

static void
need_telling_kernel (void)
{
  if (!kernel_tells ())
    _exit (SKIPPED);
}

void
have_taken_child (void)
{
  need_telling_kernel ();
  has_ended = was_taken = true;
}

void
have_ignored_child (void)
{
  need_telling_kernel ();
  ignore_children ();
}

static void
have_stranger (void)
{
  need_telling_kernel ();
  is_stranger = true;
}

void
have_ended_stranger (void)
{
  have_stranger ();
}

void
have_running_stranger (void)
{
  have_stranger ();
  is_held = true;
  options = WNOHANG;
}

void
have_patient_stranger (void)
{
  have_stranger ();
  is_held = true;
  pidfd_flags = O_NONBLOCK;
}

/* As before Linux 6.13. */
void
refuse_to_tell (void)
{
  is_stranger = true;
  refuse (SYS_ioctl, ENOTTY);
}

/* A process that ends when the pipe is closed, after a moment in which somebody can begin to wait. */
_Noreturn static void
be_subject (int until)
{
  char byte;
  while (read (until, &byte, 1) > 0)
    continue;
  usleep (20000);
  _exit (RIGHT);
}

struct subject {
  pid_t pid, parent;
  int pidfd, until;
};

static struct subject
make_subject (void)
{
  struct subject subject = { .parent = 0 };
  int until[2], tell[2];
  CHECK (pipe2 (until, O_CLOEXEC) == 0 && pipe2 (tell, O_CLOEXEC) == 0);
  pid_t pid = fork ();
  CHECK (pid >= 0);
  if (pid == 0)
    {
      close (until[1]);
      pid_t self = is_stranger ? fork () : 0;
      if (self == 0)
        {
          self = getpid ();
          if (write (tell[1], &self, sizeof self) == sizeof self)
            be_subject (until[0]);
        }
      waitpid (self, NULL, 0);
      _exit (0);
    }
  if (is_stranger)
    subject.parent = pid;
  CHECK (read (tell[0], &subject.pid, sizeof subject.pid) == sizeof subject.pid);
  close (tell[0]);
  close (tell[1]);
  close (until[0]);
  subject.until = until[1];
  subject.pidfd = (int) syscall (SYS_pidfd_open, subject.pid, pidfd_flags);
  CHECK (subject.pidfd >= 0);
  if (!is_held)
    close (subject.until);
  siginfo_t info;
  if (has_ended)
    CHECK (waitid (P_PIDFD_, (id_t) subject.pidfd, &info, WEXITED | (was_taken ? 0 : WNOWAIT)) == 0);
  return subject;
}

static void
end_subject (const struct subject *subject)
{
  if (is_held)
    close (subject->until);
  close (subject->pidfd);
  if (is_stranger)
    CHECK (waitpid (subject->parent, NULL, 0) == subject->parent);
  else
    waitpid (subject->pid, NULL, 0);
}

static bool
is_untouched (const void *object, size_t size)
{
  const unsigned char *bytes = object;
  while (size > 0 && bytes[size - 1] == 0x5a)
    size--;
  return size == 0;
}

int
wait_for (const char *name)
{
  (void) name;
  struct subject subject = make_subject ();
  siginfo_t info;
  struct rusage usage;
  memset (&info, 0x5a, sizeof info);
  memset (&usage, 0x5a, sizeof usage);
  errno = BEFORE;
  begin ();
  int result = pidfd_wait (subject.pidfd, &info, options, &usage);
  end ();
  int error = result == 0 ? 0 : errno;
  if (error != 0)
    {
      CHECK (result == -1);
      CHECK (is_untouched (&info, sizeof info) && is_untouched (&usage, sizeof usage));
    }
  else if (is_held)
    {
      CHECK (errno == BEFORE);
      CHECK (info.si_signo == 0 && info.si_pid == 0);
    }
  else
    {
      CHECK (errno == BEFORE);
      CHECK (info.si_signo == SIGCHLD && info.si_code == CLD_EXITED && info.si_status == RIGHT);
      /* It is not known of a child whose status was taken, or if it could not be asked for. */
      CHECK (info.si_pid == subject.pid || (info.si_pid == 0 && (was_taken || !left_alone)));
      if (!is_stranger)
        CHECK (waitpid (subject.pid, NULL, WNOHANG) == -1 && errno == ECHILD);
      if (is_stranger)
        CHECK (usage.ru_maxrss == 0);
    }
  end_subject (&subject);
  return error;
}
