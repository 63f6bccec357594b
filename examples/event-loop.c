/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Waiting for a child in an event loop that a program has already, here GLib's:
 *
 *   event-loop COMMAND [ARGUMENT...]
 *
 * To the loop the pidfd is a descriptor as any other: it becomes readable when the child has ended.  So neither the
 * loop nor its author has to know about processes, and no SIGCHLD handler is installed, as g_child_watch_add may do.  A
 * timer goes on ticking meanwhile, to show that nothing blocks. */

#define _GNU_SOURCE

#include <pidfd_spawn.h>

#include <errno.h>
#include <glib-unix.h>
#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

enum { TICK = 50 /* milliseconds */, FAILED = 125 };

struct state
{
  GMainLoop *loop;
  unsigned int ticks;
  int exit_status;
};

static gboolean
tick (gpointer data)
{
  struct state *state = data;
  state->ticks++;
  return G_SOURCE_CONTINUE;
}

/* What this returns takes the pidfd out of the loop.  Closing it before that would be too early; main does it. */
static gboolean
child_ended (gint pidfd, GIOCondition condition, gpointer data)
{
  (void) condition;
  struct state *state = data;
  siginfo_t info;
  if (waitid (P_PIDFD, (id_t) pidfd, &info, WEXITED) != 0)
    {
      fprintf (stderr, "event-loop: waitid: %s\n", strerror (errno));
      state->exit_status = FAILED;
    }
  else if (info.si_code == CLD_EXITED)
    {
      printf ("ended with exit status %d", info.si_status);
      state->exit_status = info.si_status;
    }
  else
    {
      printf ("ended by signal %d", info.si_status);
      state->exit_status = 128 + info.si_status;
    }
  g_main_loop_quit (state->loop);
  return G_SOURCE_REMOVE;
}

int
main (int argc, char **argv)
{
  if (argc < 2)
    {
      fprintf (stderr, "usage: event-loop COMMAND [ARGUMENT...]\n");
      return FAILED;
    }
  /* Whoever started this program may have ignored it, and then the kernel keeps no exit status for anybody. */
  signal (SIGCHLD, SIG_DFL);

  struct state state = { .loop = g_main_loop_new (NULL, FALSE) };
  g_timeout_add (TICK, tick, &state);

  int pidfd;
  int error = pidfd_spawnp (&pidfd, argv[1], NULL, NULL, argv + 1, environ);
  if (error != 0)
    {
      fprintf (stderr, "event-loop: %s: %s\n", argv[1], strerror (error));
      return FAILED;
    }
  g_unix_fd_add (pidfd, G_IO_IN, child_ended, &state);

  g_main_loop_run (state.loop);
  printf (" after %u ticks\n", state.ticks);
  close (pidfd);
  g_main_loop_unref (state.loop);
  return state.exit_status;
}
