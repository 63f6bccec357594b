/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What the parts of the differential tester share.
 *
 * A case is a text: one setting, attribute or file action in a line, applied from top to bottom.  Every line can be
 * left out, which is all that shrinking needs to know.  A result is a text as well, in which two implementations that
 * did the same have the same lines. */

#ifndef DIFFERENTIAL_H
#define DIFFERENTIAL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  /* The descriptors that a case can use: this is the caller's limit at first. */
  DESCRIPTORS = 320,
  /* A directory that only a SETCGROUP attribute names. */
  CGROUP_DESCRIPTOR = DESCRIPTORS - 1,
  RESULT_SIZE = 256 * 1024,
  /* Seconds. */
  TIME_LIMIT = 5,
};

/* ---- text.c ---- */

/* A text that grows; `data` always ends in a NUL. */
struct text {
  char *data;
  size_t length, size;
};

void add (struct text *text, const char *format, ...) __attribute__ ((format (printf, 2, 3)));
void add_bytes (struct text *text, const char *bytes, size_t length);
void clear (struct text *text);

/* The value of the first line, after FROM (NULL: the start), that begins with KEY and a space or the line's end; its
   length is stored.  NULL when there is none. */
const char *find_line (const char *text, const char *from, const char *key, size_t *length);
bool has_line (const char *text, const char *line);
/* Adds the lines of one text that the other does not have, each after these words. */
void add_missing (struct text *to, const char *words, const char *text, const char *other);

/* What a string in a case stands for: `@` the root of the case's files, `%41` a byte, `%(5000x)` a
   run of one. Allocated. */
char *decode (const char *string, const char *root);

_Noreturn void die (const char *what);

/* ---- generate.c ---- */

/* A case of pidfd_spawn and pidfd_spawnp, or of pidfd_spawn_ext. */
void generate (uint64_t seed, uint64_t index, bool extended, struct text *test_case);

/* ---- caller.c ---- */

/* One of the implementations: its function with the signature of pidfd_spawn, for each kind of call. */
enum implementation { LIBRARY, POSIX_SPAWN, LIBC, EXTENDED, BY_HAND };
bool find_functions (enum implementation implementation, const char *library);

/* A first call, after which the library knows its way and needs no descriptors of its own. */
void warm_up (void);

/* Does what the case says and adds what came of it to the result.  Called in a process of its own. */
void run_case (const char *test_case, const char *root, int cgroup, struct text *result);

/* ---- server.c ---- */

/* An implementation at work in a process of its own, in folder BASE, which it creates: cases come in,
   results go out. */
struct server {
  int to, from;
  int pid;
};

bool server_start (struct server *server, char *const command[]);
void server_send (const struct server *server, const struct text *test_case);
/* False when the server is gone. */
bool server_receive (const struct server *server, struct text *result);
void server_stop (struct server *server);
int serve (enum implementation implementation, const char *library, const char *base, const char *reporter,
           bool without_clone3);

/* ---- rules.c ---- */

/* An implementation that the library is compared with. */
enum family { AGAINST_POSIX_SPAWN, AGAINST_LIBC, FAMILIES };

enum { RULES = 10 };
extern const char *const rule_names[RULES];

/* Whether the library did what it promises even where no reference does. */
bool keeps_promises (const char *test_case, const char *ours);

/* Whether an intended difference that docs/differences.md lists, or several, explain how the reference's result differs
   from the library's; sets a bit in APPLIED for each that did.  RERUN gives the library's result for another case. */
typedef void rerun_function (void *context, const struct text *test_case, struct text *result);
bool explained (enum family family, const char *test_case, const char *ours, const char *reference,
                rerun_function *rerun, void *context, unsigned int *applied);

#endif
