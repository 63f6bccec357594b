/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Runs a program in a sandbox made by libseccomp, which kills for every system call that is not allowed, as those of
 * man, of file and of browsers do:
 *
 *   sandbox LIBRARY PROGRAM [ARGUMENT...]
 *
 * LIBRARY is preloaded into the program; it may be empty. */

#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the loader and a program take that reads and writes files.  Nothing that has to do with processes. */
static const char *const allowed[] = {
  "access",   "arch_prctl",   "brk",            "clock_gettime",   "close",           "execve",      "exit",
  "exit_group", "faccessat",  "faccessat2",     "fadvise64",       "fcntl",           "fstat",       "futex",
  "getcwd",   "getegid",      "geteuid",        "getgid",          "getrandom",       "getuid",      "ioctl",
  "lseek",    "madvise",      "mmap",           "mprotect",        "mremap",          "munmap",      "newfstatat",
  "open",     "openat",       "pread64",        "prlimit64",       "read",            "readlink",    "readlinkat",
  "readv",    "riscv_hwprobe", "rseq",          "rt_sigaction",    "rt_sigprocmask",  "rt_sigreturn",
  "sched_getaffinity", "set_robust_list", "set_tid_address", "sigaltstack", "stat",     "statfs",
  "statx",    "sysinfo",      "uname",          "write",        "writev",         "copy_file_range", "getdents64",
  "sched_yield",
};

int
main (int argc, char **argv)
{
  if (argc < 3)
    return 2;
  scmp_filter_ctx filter = seccomp_init (SCMP_ACT_KILL_PROCESS);
  if (filter == NULL)
    return 77;
  for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
    {
      int number = seccomp_syscall_resolve_name (allowed[i]);
      if (number != __NR_SCMP_ERROR)
        /* One that this architecture does not have cannot be added. */
        seccomp_rule_add (filter, SCMP_ACT_ALLOW, number, 0);
    }
  if (argv[1][0] != '\0')
    setenv ("LD_PRELOAD", argv[1], 1);
  int error = seccomp_load (filter);
  if (error != 0)
    {
      fprintf (stderr, "seccomp_load: %s\n", strerror (-error));
      return 77;
    }
  execvp (argv[2], argv + 2);
  perror (argv[2]);
  return 127;
}
