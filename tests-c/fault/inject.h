/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Runs a function in a traced process and makes the Nth system call between two marks fail: a call of the process
 * itself or of a child that it makes between the marks, up to that child's exec. */

#ifndef INJECT_H
#define INJECT_H

#include <stdbool.h>

struct fault {
  bool of_child; /* Whose calls are counted: those of all children, or those of the process itself. */
  long nth;      /* Counted from 1, over the calls that can fail with this error; 0 for none. */
  int error;     /* The system call is not made and gives this error number. */
  bool all;      /* From the Nth on, every call of the same number fails. */
  bool sparse;   /* A call that repeats the one before does not count. */
  bool by_pipe;  /* The child has a copy of the memory, so it tells by a pipe why it failed. */
  bool copies;   /* clone grants CLONE_VM and CLONE_VFORK and ignores both, as some emulators do. */
};

struct outcome {
  long number; /* Of the system call that failed, -1 if there were fewer than nth. */
  bool blind;  /* The kernel does not say which system calls are made. */
  bool hung;
  int strays;  /* Processes that outlived the function. */
  int status;  /* How the function's process ended, as waitpid tells it. */
};

struct outcome run_with_fault (void (*function) (void *), void *argument, struct fault fault);

/* What the function calls around the calls in question; a child that returns from them calls mark_end as well. */
void mark_begin (void);
void mark_end (void);

#endif
