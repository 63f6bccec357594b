/* SPDX-License-Identifier: MIT OR Apache-2.0 */

#include "seccomp.h"
#include "numbers.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Of an answer: the call is made after all. */
enum { CONTINUE = 1 };

/* musl comes without the kernel's headers. */
#if __has_include (<linux/filter.h>) && __has_include (<linux/seccomp.h>)

# include <linux/filter.h>
# include <linux/seccomp.h>

/* Those before Linux 5.0 know no listener. */
# ifndef SECCOMP_IOCTL_NOTIF_RECV
struct seccomp_notif {
  uint64_t id;
  uint32_t pid, flags;
  struct seccomp_data data;
};
struct seccomp_notif_resp {
  uint64_t id;
  int64_t val;
  int32_t error;
  uint32_t flags;
};
#  define SECCOMP_IOCTL_NOTIF_RECV _IOWR ('!', 0, struct seccomp_notif)
#  define SECCOMP_IOCTL_NOTIF_SEND _IOWR ('!', 1, struct seccomp_notif_resp)
# endif

/* A filter sees arguments of 64 bits. */
enum { MOST = 1024, LONGEST_RULE = 6, LOW_HALF = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0 };

# define LOAD(offset) BPF_STMT (BPF_LD | BPF_W | BPF_ABS, (uint32_t) (offset))
# define UNLESS_EQUAL_SKIP(value, count) BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, (uint32_t) (value), 0, count)
# define UNLESS_GREATER_SKIP(value, count) BPF_JUMP (BPF_JMP | BPF_JGT | BPF_K, (uint32_t) (value), 0, count)
# define MASK(bits) BPF_STMT (BPF_ALU | BPF_AND | BPF_K, bits)
# define RETURN(action) BPF_STMT (BPF_RET | BPF_K, action)

static size_t
add_rule (struct sock_filter *code, const struct filter_rule *rule)
{
  const struct sock_filter whole[LONGEST_RULE] = {
    LOAD (offsetof (struct seccomp_data, nr)),
    UNLESS_EQUAL_SKIP (rule->call, 4),
    LOAD (offsetof (struct seccomp_data, args) + 8 * rule->argument + LOW_HALF),
    MASK (rule->bits),
    UNLESS_EQUAL_SKIP (rule->value, 1),
    RETURN (rule->action),
  };
  const struct sock_filter one = UNLESS_EQUAL_SKIP (rule->call, 1);
  const struct sock_filter after = UNLESS_GREATER_SKIP (CALLS_AFTER (rule->call), 1);
  const struct sock_filter any_argument[] = { whole[0], rule->call < 0 ? after : one, whole[5] };
  size_t size = rule->bits ? sizeof whole : sizeof any_argument;
  memcpy (code, rule->bits ? whole : any_argument, size);
  return size / sizeof *code;
}

/* Whether a call can be let go on, which before Linux 5.5 it cannot: the flag is looked at before the ID. */
static bool
can_continue (int listener)
{
  return ioctl (listener, SECCOMP_IOCTL_NOTIF_SEND, &(struct seccomp_notif_resp) { .flags = CONTINUE }) != 0
         && errno != EINVAL;
}

int
install_filter (const struct filter_rule rules[], size_t count, enum filter_flags flags)
{
  static const struct sock_filter allow = RETURN (SECCOMP_RET_ALLOW);
  struct sock_filter code[MOST];
  size_t length = 0;
  for (size_t i = 0; i < count; i++)
    {
      if (length + LONGEST_RULE + 1 > MOST)
        return errno = E2BIG, -1;
      length += add_rule (code + length, &rules[i]);
    }
  code[length++] = allow;
  struct sock_fprog program = { (unsigned short) length, code };
  if (!(flags & FILTER_PRIVILEGED) && prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return -1;
  flags &= ~(unsigned int) FILTER_PRIVILEGED;
  /* By prctl where it will do: there are kernels and emulators without the other. */
  if (!flags)
    return prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
  int listener = (int) syscall (SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
  if (listener >= 0 && !can_continue (listener))
    {
      close (listener);
      return errno = EOPNOTSUPP, -1;
    }
  return listener;
}

static bool
respond (int listener, struct seccomp_notif_resp response)
{
  return ioctl (listener, SECCOMP_IOCTL_NOTIF_SEND, &response) == 0;
}

bool
receive_call (int listener, struct notified_call *call)
{
  struct seccomp_notif request;
  /* Older kernels end the wait also when a child stops. */
  int result;
  do
    {
      memset (&request, 0, sizeof request);
      result = ioctl (listener, SECCOMP_IOCTL_NOTIF_RECV, &request);
    }
  while (result != 0 && errno == EINTR);
  if (result != 0)
    return false;
  call->id = request.id;
  call->pid = (pid_t) request.pid;
  for (int i = 0; i < 6; i++)
    call->arguments[i] = request.data.args[i];
  return true;
}

bool
continue_call (int listener, const struct notified_call *call)
{
  return respond (listener, (struct seccomp_notif_resp) { .id = call->id, .flags = CONTINUE });
}

bool
answer_call (int listener, const struct notified_call *call, int error)
{
  return respond (listener, (struct seccomp_notif_resp) { .id = call->id, .error = -error });
}

#else

int
install_filter (const struct filter_rule rules[], size_t count, enum filter_flags flags)
{
  (void) rules, (void) count, (void) flags;
  return errno = ENOSYS, -1;
}

/* No listener can have been made. */

bool
receive_call (int listener, struct notified_call *call)
{
  (void) listener, (void) call;
  return errno = ENOSYS, false;
}

bool
continue_call (int listener, const struct notified_call *call)
{
  (void) listener, (void) call;
  return errno = ENOSYS, false;
}

bool
answer_call (int listener, const struct notified_call *call, int error)
{
  (void) listener, (void) call, (void) error;
  return errno = ENOSYS, false;
}

#endif
