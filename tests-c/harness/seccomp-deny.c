/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Runs a program for which chosen system calls fail, as they do on an older kernel or in a sandbox.
 *
 *   seccomp-deny [--privileged] RULE... -- PROGRAM [ARGUMENT...]
 *
 * A RULE is SYSCALL=ERROR, or SYSCALL:N=VALUE:ERROR for a call whose argument N (from 0) has that value, or
 * SYSCALL:N&BITS:ERROR for one whose argument N has all of these bits.  Only the low half of an argument is compared.
 * >SYSCALL=ERROR is for all calls with greater numbers.  The first rule that fits decides.  SYSCALL is a name known
 * below or a number, ERROR a name known below or a number, or ALLOW.  With --privileged, which needs CAP_SYS_ADMIN,
 * programs may still gain privileges.  Example, a sandbox without clone3 that has no wait for pidfds either:
 *
 *   seccomp-deny clone3=ENOSYS waitid:0=3:EINVAL -- ./program */

#include "numbers.h"
#include "seccomp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct name {
  const char *name;
  long value;
};

/* A call that has several numbers stands here several times: with 32 bits some came anew for times of 64. */
#define CALL(name) { #name, SYS_##name }
static const struct name calls[] = {
  CALL (clone3),      CALL (close_range),
  CALL (clone),       CALL (waitid),
  CALL (ioctl),       CALL (unshare),
  CALL (pipe2),       CALL (eventfd2),
  CALL (ppoll),       CALL (openat),
  CALL (write),       CALL (read),
  CALL (socketpair),  CALL (sendmsg),
  CALL (recvmsg),     CALL (prctl),
  CALL (pidfd_open),  CALL (rt_sigaction),
  CALL (setns),       CALL (execveat),
  CALL (capget),      CALL (prlimit64),
  CALL (umask),       CALL (getppid),
  CALL (futex),
#ifdef SYS_setresuid32
  { "setgroups", SYS_setgroups32 },
  { "setresgid", SYS_setresgid32 },
  { "setresuid", SYS_setresuid32 },
#else
  CALL (setgroups),   CALL (setresgid),
  CALL (setresuid),
#endif
#ifdef SYS_poll
  CALL (poll),
#endif
#ifdef SYS_ppoll_time64
  { "ppoll", SYS_ppoll_time64 }, { "futex", SYS_futex_time64 },
#endif
/* Some architectures of 64 bits have both, of which it is not the wide one that is used. */
#ifdef SYS_fstatfs
  CALL (fstatfs),
#endif
#ifdef SYS_fstatfs64
  { "fstatfs", SYS_fstatfs64 },
#endif
  { NULL, 0 },
};

enum { ALLOW = -1 };
#define ERROR(name) { #name, name }
static const struct name errors[] = {
  ERROR (ENOSYS), ERROR (EPERM),  ERROR (EINVAL), ERROR (E2BIG), ERROR (EAGAIN),       ERROR (ENOMEM),
  ERROR (EMFILE), ERROR (ENFILE), ERROR (ENOTTY), ERROR (EBADF), ERROR (EAFNOSUPPORT), ERROR (EACCES),
  { "ALLOW", ALLOW }, { NULL, 0 },
};

enum { MOST = 256 };
static struct filter_rule rules[MOST];
static size_t count;

static void
usage (const char *what)
{
  fprintf (stderr,
           "seccomp-deny: %s\n"
           "usage: seccomp-deny [--privileged] RULE... -- PROGRAM [ARGUMENT...]\n"
           "a rule: SYSCALL=ERROR, SYSCALL:N=VALUE:ERROR, SYSCALL:N&BITS:ERROR, >SYSCALL=ERROR\n",
           what);
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
add_rule (struct filter_rule rule)
{
  /* The first is meant for the flags. */
  if (rule.call == SYS_clone && rule.bits && rule.argument == 0)
    rule.argument = CLONE_ARGUMENT;
  if (count == MOST)
    usage ("too many rules");
  rules[count++] = rule;
}

static void
read_rule (char *text)
{
  char *condition = strchr (text, ':');
  char *error = strrchr (text, condition ? ':' : '=');
  if (!error)
    usage (text);
  *error++ = 0;
  struct filter_rule rule = { .call = 0 };
  if (condition && condition + 1 < error)
    {
      char comparison;
      long long value;
      *condition++ = 0;
      if (sscanf (condition, "%u%c%lli", &rule.argument, &comparison, &value) != 3 || !strchr ("=&", comparison))
        usage (condition);
      rule.value = (uint32_t) value;
      rule.bits = comparison == '=' ? ALL_BITS : rule.value;
    }
  long number = value_of (error, errors);
  rule.action = number == ALLOW ? FILTER_ALLOW : FILTER_ERROR (number);
  bool named = false;
  for (const struct name *call = calls; call->name; call++)
    if (strcmp (text, call->name) == 0)
      {
        rule.call = call->value;
        add_rule (rule);
        named = true;
      }
  if (!named)
    {
      rule.call = *text == '>' ? CALLS_AFTER (value_of (text + 1, calls)) : value_of (text, calls);
      add_rule (rule);
    }
}

int
main (int argc, char **argv)
{
  bool privileged = argc > 1 && strcmp (argv[1], "--privileged") == 0;
  int i = privileged ? 2 : 1;
  for (; i < argc && strcmp (argv[i], "--") != 0; i++)
    read_rule (argv[i]);
  if (i + 1 >= argc || count == 0)
    usage ("no rule or no program");

  if (install_filter (rules, count, privileged ? FILTER_PRIVILEGED : FILTER_PLAIN) != 0)
    {
      perror ("seccomp-deny: no seccomp filter can be set");
      return 77;
    }
  execvp (argv[i + 1], argv + i + 1);
  perror (argv[i + 1]);
  return 127;
}
