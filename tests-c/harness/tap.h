/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Results in the form of the Test Anything Protocol, version 13, and a plain closing line.  Needs
 * nothing of the harness. */

#ifndef TAP_H
#define TAP_H

enum tap_result { TAP_PASSED, TAP_FAILED, TAP_SKIPPED };

void tap_begin (void);
/* One result, with the name printf's way; WHY may be empty and have several lines. */
void tap_report (enum tap_result result, const char *why, const char *format, ...)
  __attribute__ ((format (printf, 3, 4)));
/* Prints the plan and "P passed, F failed, S skipped".  Gives the exit status: 0 passed, 1 failed, 77 all skipped,
   2 nothing was tried. */
int tap_end (void);

#endif
