/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Runs a program for which chosen system calls fail, as they do on an older kernel or in a sandbox.
 *
 *   refuse RULE... -- PROGRAM [ARGUMENT...]
 *
 * A RULE is SYSCALL=ERROR, or SYSCALL:N=VALUE:ERROR for a call whose argument N (from 0) has that value, or
 * SYSCALL:N&BITS:ERROR for one whose argument N has all of these bits.  Only the low half of an argument is compared.
 * SYSCALL is a name known below or a number, ERROR a name known below or a number.  Example, a sandbox without clone3
 * that has no wait for pidfds either:
 *
 *   refuse clone3=ENOSYS waitid:0=3:EINVAL -- ./program */

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

struct name {
  const char *name;
  long value;
};

/* A call that has several numbers stands here several times: with 32 bits some came anew for times of 64. */
#define CALL(name) { #name, SYS_##name }
static const struct name calls[] = {
  CALL (clone3),      { "close_range", 436 },
  CALL (clone),       CALL (waitid),
  CALL (ioctl),       CALL (unshare),
  CALL (pipe2),       CALL (eventfd2),
  CALL (ppoll),       CALL (openat),
  CALL (write),       CALL (read),
  CALL (socketpair),  CALL (sendmsg),
  CALL (recvmsg),     CALL (prctl),
  { "pidfd_open", 434 }, CALL (rt_sigaction),
  CALL (setns),
#ifdef SYS_poll
  CALL (poll),
#endif
#ifdef SYS_ppoll_time64
  { "ppoll", SYS_ppoll_time64 },
#endif
#ifdef SYS_fstatfs64
  { "fstatfs", SYS_fstatfs64 },
#else
  CALL (fstatfs),
#endif
  { NULL, 0 },
};

#define ERROR(name) { #name, name }
static const struct name errors[] = {
  ERROR (ENOSYS), ERROR (EPERM),  ERROR (EINVAL), ERROR (E2BIG), ERROR (EAGAIN),       ERROR (ENOMEM),
  ERROR (EMFILE), ERROR (ENFILE), ERROR (ENOTTY), ERROR (EBADF), ERROR (EAFNOSUPPORT), { NULL, 0 },
};

enum { MOST = 256 };
static struct sock_filter filter[MOST];
static unsigned short length;

static void
usage (const char *what)
{
  fprintf (stderr, "refuse: %s\nusage: refuse SYSCALL[:N=VALUE:|:N&BITS:]=ERROR... -- PROGRAM [ARGUMENT...]\n", what);
  exit (2);
}

static long
value_of (const char *text, const struct name *names)
{
  for (; names->name; names++)
    if (strcmp (text, names->name) == 0)
      return names->value;
  char *end;
  long value = strtol (text, &end, 0);
  if (end == text || *end)
    usage (text);
  return value;
}

static void
add (struct sock_filter instruction)
{
  if (length == MOST)
    usage ("too many rules");
  filter[length++] = instruction;
}

#define LOAD(offset) ((struct sock_filter) BPF_STMT (BPF_LD | BPF_W | BPF_ABS, (unsigned int) (offset)))
#define UNLESS_EQUAL(value, skip)                                                                                      \
  ((struct sock_filter) BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, (unsigned int) (value), 0, skip))
#define RETURN(value) ((struct sock_filter) BPF_STMT (BPF_RET | BPF_K, (unsigned int) (value)))

/* The half of an argument that is compared, which is a number of 64 bits to a filter. */
enum { LOW_HALF = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0 };

static void
add_call (long number, int argument, char comparison, unsigned long value, unsigned int result)
{
#ifdef __s390x__
  /* Here the stack comes before the flags. */
  if (number == SYS_clone && argument >= 0 && argument < 2)
    argument = 1 - argument;
#endif
  add (LOAD (offsetof (struct seccomp_data, nr)));
  add (UNLESS_EQUAL (number, argument < 0 ? 1 : comparison == '=' ? 3 : 4));
  if (argument >= 0)
    {
      add (LOAD (offsetof (struct seccomp_data, args) + LOW_HALF + 8 * (size_t) argument));
      if (comparison == '&')
        add ((struct sock_filter) BPF_STMT (BPF_ALU | BPF_AND | BPF_K, (unsigned int) value));
      add (UNLESS_EQUAL (value, 1));
    }
  add (RETURN (result));
}

static void
add_rule (char *rule)
{
  char *condition = strchr (rule, ':');
  char *error = strrchr (rule, condition ? ':' : '=');
  if (!error)
    usage (rule);
  *error++ = 0;
  int argument = -1;
  char comparison = 0;
  unsigned long value = 0;
  if (condition && condition + 1 < error)
    {
      *condition++ = 0;
      if (sscanf (condition, "%d%c%li", &argument, &comparison, (long *) &value) != 3 || !strchr ("=&", comparison))
        usage (condition);
    }
  unsigned int result = SECCOMP_RET_ERRNO | (unsigned int) value_of (error, errors);
  bool named = false;
  for (const struct name *call = calls; call->name; call++)
    if (strcmp (rule, call->name) == 0)
      {
        add_call (call->value, argument, comparison, value, result);
        named = true;
      }
  if (!named)
    add_call (value_of (rule, calls), argument, comparison, value, result);
}

int
main (int argc, char **argv)
{
  int i = 1;
  for (; i < argc && strcmp (argv[i], "--") != 0; i++)
    add_rule (argv[i]);
  if (i + 1 >= argc || length == 0)
    usage ("no rule or no program");
  add (RETURN (SECCOMP_RET_ALLOW));

  struct sock_fprog program = { length, filter };
  if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    {
      perror ("refuse: no seccomp filter can be set");
      return 77;
    }
  execvp (argv[i + 1], argv + i + 1);
  perror (argv[i + 1]);
  return 127;
}
