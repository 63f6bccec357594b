/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * An implementation at work: takes cases from a pipe, does each in a new process with new files and under a time limit,
 * and sends back the result in which the numbers that must differ (process IDs, inodes, folders) have names. */

#include "differential.h"
#include "numbers.h"
#include "procfs.h"
#include "seccomp.h"

#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Messages: a length and a text ---- */

static bool
transfer (int fd, void *data, size_t length, bool out)
{
  for (char *place = data; length > 0;)
    {
      ssize_t done = out ? write (fd, place, length) : read (fd, place, length);
      if (done <= 0)
        return false;
      place += done;
      length -= (size_t) done;
    }
  return true;
}

static bool
send_text (int fd, const struct text *text)
{
  size_t length = text->length;
  return transfer (fd, &length, sizeof length, true) && transfer (fd, text->data, length, true);
}

static bool
receive_text (int fd, struct text *text)
{
  static char buffer[RESULT_SIZE];
  size_t length;
  clear (text);
  if (!transfer (fd, &length, sizeof length, false) || length > sizeof buffer
      || !transfer (fd, buffer, length, false))
    return false;
  add_bytes (text, buffer, length);
  return true;
}

bool
server_start (struct server *server, char *const command[])
{
  int in[2], out[2];
  if (pipe2 (in, O_CLOEXEC) != 0 || pipe2 (out, O_CLOEXEC) != 0)
    die ("pipe");
  server->pid = fork ();
  if (server->pid < 0)
    die ("fork");
  if (server->pid == 0)
    {
      dup2 (in[0], STDIN_FILENO);
      dup2 (out[1], STDOUT_FILENO);
      execv (command[0], command);
      _exit (127);
    }
  close (in[0]);
  close (out[1]);
  server->to = in[1];
  server->from = out[0];
  struct text greeting = { NULL, 0, 0 };
  bool ready = receive_text (server->from, &greeting);
  free (greeting.data);
  return ready;
}

void
server_send (const struct server *server, const struct text *test_case)
{
  send_text (server->to, test_case);
}

bool
server_receive (const struct server *server, struct text *result)
{
  return receive_text (server->from, result);
}

void
server_stop (struct server *server)
{
  close (server->to);
  close (server->from);
  waitpid (server->pid, NULL, 0);
}

/* ---- The files of a case ---- */

static const char *reporter;
static char tree[4096];

static const struct {
  const char *path;
  mode_t mode;
  const char *content;
} entries[] = {
  { "a", S_IFDIR | 0755, NULL },
  { "a/b", S_IFDIR | 0755, NULL },
  { "a/prog", 0, NULL },
  { "a/file", S_IFREG | 0644, "in a\n" },
  { "bin", S_IFDIR | 0755, NULL },
  { "bin/prog", 0, NULL },
  { "plain", S_IFDIR | 0755, NULL },
  { "plain/prog", S_IFREG | 0644, "not executable\n" },
  { "text", S_IFDIR | 0755, NULL },
  { "text/prog", S_IFREG | 0755, "exit 7\n" },
  { "folder", S_IFDIR | 0755, NULL },
  { "folder/prog", S_IFDIR | 0755, NULL },
  { "linked", S_IFDIR | 0755, NULL },
  { "linked/prog", S_IFLNK, "../bin/prog" },
  { "looped", S_IFDIR | 0755, NULL },
  { "looped/prog", S_IFLNK, "prog" },
  { "closed", S_IFDIR, NULL },
  { "gone", S_IFDIR | 0755, NULL },
  { "file1", S_IFREG | 0644, "one, with something to read\n" },
  { "file2", S_IFREG | 0666, "two\n" },
  { "readonly", S_IFREG | 0444, "readonly\n" },
  { "secret", S_IFREG, "secret\n" },
  { "script", S_IFREG | 0755, "#!@/bin/prog of the script\n" },
  { "badscript", S_IFREG | 0755, "#!@/bin/missing\n" },
  { "link", S_IFLNK, "file1" },
  { "dangling", S_IFLNK, "nowhere" },
  { "loop", S_IFLNK, "loop" },
};

static void
make_file (const char *path, mode_t mode, const char *content)
{
  char *text = decode (content, tree);
  int fd = open (path, O_WRONLY | O_CREAT | O_CLOEXEC, mode & 07777);
  if (fd < 0 || write (fd, text, strlen (text)) < 0)
    die (path);
  close (fd);
  free (text);
}

static void
make_tree (void)
{
  mkdir (tree, 0777);
  for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
    {
      char path[sizeof tree + 64];
      snprintf (path, sizeof path, "%s/%s", tree, entries[i].path);
      mode_t mode = entries[i].mode;
      int error = 0;
      if (S_ISDIR (mode))
        error = mkdir (path, mode & 0777);
      else if (S_ISLNK (mode))
        error = symlink (entries[i].content, path);
      else if (S_ISREG (mode))
        make_file (path, mode, entries[i].content);
      else
        error = link (reporter, path);
      if (error != 0)
        die (path);
    }
}

static struct text listing;

static int
list_and_remove (const char *path, const struct stat *status, int kind, struct FTW *where)
{
  (void) kind, (void) where;
  add (&listing, "file @%s mode %o owner %u size %lld\n", path + strlen (tree), status->st_mode, status->st_uid,
       S_ISREG (status->st_mode) ? (long long) status->st_size : 0LL);
  return remove (path);
}

static int
compare_lines (const void *one, const void *other)
{
  return strcmp (*(char *const *) one, *(char *const *) other);
}

/* What the case made of its files. */
static void
add_tree (struct text *result)
{
  char *lines[256];
  size_t count = 0;
  clear (&listing);
  nftw (tree, list_and_remove, 16, FTW_DEPTH | FTW_PHYS);
  for (char *line = strtok (listing.data, "\n"); line && count < 256; line = strtok (NULL, "\n"))
    lines[count++] = line;
  qsort (lines, count, sizeof *lines, compare_lines);
  for (size_t i = 0; i < count; i++)
    add (result, "%s\n", lines[i]);
}

/* ---- A case ---- */

static struct shared {
  size_t length;
  char data[RESULT_SIZE / 2];
} *shared;

static void
add_report (const char *path, struct text *result)
{
  char buffer[8192];
  int fd = open (path, O_RDWR | O_CLOEXEC);
  ssize_t got;
  while (fd >= 0 && (got = read (fd, buffer, sizeof buffer)) > 0)
    add_bytes (result, buffer, (size_t) got);
  if (fd >= 0 && ftruncate (fd, 0) != 0)
    die (path);
  close (fd);
}

/* Puts names in the place of numbers that are different each time. */
static void
add_normalised (const char *raw, pid_t caller, struct text *result)
{
  size_t length, tree_length = strlen (tree);
  const char *value = find_line (raw, NULL, "pid", &length);
  int child = value ? atoi (value + 4) : 0;
  unsigned long pipes[64], inode;
  size_t pipe_count = 0;
  while (*raw)
    {
      int pid, used = 0;
      if (sscanf (raw, "pid-%d%n", &pid, &used) == 1 || sscanf (raw, "/proc/%d%n", &pid, &used) == 1)
        {
          if (*raw == '/')
            add (result, "/proc/");
          add (result, "%s", pid == child         ? "CHILD"
                             : pid == caller      ? "CALLER"
                             : pid == getpid ()   ? "SERVER"
                             : pid == getsid (0)  ? "SESSION"
                                                  : "OTHER");
        }
      else if (sscanf (raw, "/dev/pts/%d%n", &pid, &used) == 1)
        add (result, "/dev/pts/NUMBER");
      else if (sscanf (raw, "pipe:[%lu]%n", &inode, &used) == 1)
        {
          size_t i = 0;
          while (i < pipe_count && pipes[i] != inode)
            i++;
          if (i == pipe_count && pipe_count < 64)
            pipes[pipe_count++] = inode;
          add (result, "pipe %zu", i);
        }
      else if (strncmp (raw, tree, tree_length) == 0)
        {
          add (result, "@");
          used = (int) tree_length;
        }
      else
        {
          /* To the next character that one of those begins with. */
          used = 1 + (int) strcspn (raw + 1, "p/");
          add_bytes (result, raw, (size_t) used);
        }
      raw += used;
    }
}

static void
do_case (const struct text *test_case, int cgroup, const char *report, struct text *result)
{
  static struct text raw;
  clear (&raw);
  make_tree ();
  shared->length = 0;
  pid_t caller = fork ();
  if (caller == 0)
    {
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      struct text text = { NULL, 0, 0 };
      run_case (test_case->data, tree, cgroup, &text);
      shared->length = text.length < sizeof shared->data ? text.length : sizeof shared->data;
      memcpy (shared->data, text.data, shared->length);
      _exit (0);
    }
  struct pollfd end = { (int) syscall (SYS_pidfd_open, caller, 0), POLLIN, 0 };
  if (end.fd < 0)
    die ("pidfd_open");
  bool in_time = poll (&end, 1, TIME_LIMIT * 1000) == 1;
  close (end.fd);
  int status;
  kill (caller, SIGKILL);
  waitpid (caller, &status, 0);
  int strays = end_children ();

  add_bytes (&raw, shared->data, shared->length);
  if (!in_time)
    add (&raw, "not done after %d seconds\n", TIME_LIMIT);
  else if (status != 0)
    add (&raw, "the caller ended with status %x\n", (unsigned int) status);
  if (strays)
    add (&raw, "%d processes were left behind\n", strays);
  add_report (report, &raw);
  add_tree (&raw);
  clear (result);
  add_normalised (raw.data, caller, result);
}

static bool
can_enter (const char *cgroup)
{
  char path[9000];
  int status;
  snprintf (path, sizeof path, "%s/cgroup.procs", cgroup);
  pid_t pid = fork ();
  if (pid == 0)
    _exit (write (open (path, O_WRONLY | O_CLOEXEC), "0", 1) != 1);
  return waitpid (pid, &status, 0) == pid && status == 0;
}

static char new_cgroup[8800];

/* The kernel needs a moment after the last process has gone. */
static void
remove_cgroup (void)
{
  for (int i = 0; i < 1000 && new_cgroup[0] && rmdir (new_cgroup) != 0 && errno == EBUSY; i++)
    usleep (1000);
}

/* A new cgroup (version 2), which the worker's other implementations have as well, or where there can be none the one
   that everything here is in already, or -1. */
static int
open_cgroup (void)
{
  char line[8192], mount[4096] = "", group[4096] = "", path[8192];
  FILE *mounts = fopen ("/proc/self/mountinfo", "re");
  while (mounts && !mount[0] && fgets (line, sizeof line, mounts))
    if (strstr (line, " - cgroup2 "))
      sscanf (line, "%*s %*s %*s %*s %4095s", mount);
  FILE *groups = fopen ("/proc/self/cgroup", "re");
  while (groups && fgets (line, sizeof line, groups))
    sscanf (line, "0::%4095[^\n]", group);
  if (mounts)
    fclose (mounts);
  if (groups)
    fclose (groups);
  snprintf (path, sizeof path, "%s%s", mount, group);
  /* By the name of the run's folder `run` finds it, should it be left behind. */
  const char *run = strstr (tree, "/differential-");
  snprintf (new_cgroup, sizeof new_cgroup, "%s%.*s-%d", path, run ? (int) strcspn (run + 1, "/") + 1 : 13,
            run ? run : "/differential", (int) getppid ());
  if (!mount[0] || (mkdir (new_cgroup, 0755) != 0 && errno != EEXIST))
    new_cgroup[0] = 0;
  else if (!can_enter (new_cgroup))
    {
      remove_cgroup ();
      new_cgroup[0] = 0;
    }
  int fd = mount[0] ? open (new_cgroup[0] ? new_cgroup : path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  return fd < 0 ? -1 : fcntl (fd, F_DUPFD_CLOEXEC, DESCRIPTORS);
}

int
serve (enum implementation implementation, const char *library, const char *folder, const char *reporter_path,
       bool without_clone3)
{
  char report[4096];
  reporter = reporter_path;
  snprintf (tree, sizeof tree, "%s/tree", folder);
  snprintf (report, sizeof report, "%s/report", folder);
  umask (0);
  setpgid (0, 0);
  prctl (PR_SET_CHILD_SUBREAPER, 1);
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  mkdir (folder, 0755);
  close (open (report, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
  shared = mmap (NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED)
    die ("mmap");
  int cgroup = open_cgroup ();
  const struct filter_rule rule = { .call = SYS_clone3, .action = FILTER_ERROR (ENOSYS) };
  if (!find_functions (implementation, library) || (without_clone3 && install_filter (&rule, 1, FILTER_PLAIN) != 0))
    return 1;
  if (implementation == EXTENDED)
    warm_up ();

  struct text test_case = { NULL, 0, 0 }, result = { NULL, 0, 0 };
  add (&result, "ready\n");
  while (send_text (STDOUT_FILENO, &result) && receive_text (STDIN_FILENO, &test_case))
    do_case (&test_case, cgroup, report, &result);
  remove_cgroup ();
  return 0;
}
