/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Makes up cases.  The same seed and index give the same case everywhere.
 *
 * A case in which everything is chosen freely almost always fails at its first action, and then shows little.  So two
 * thirds of the cases are tame: what they ask for can be done, as far as a simple model of the open descriptors knows.
 *
 * Safety: files are only created below `@`, by paths that never lead out of it; the executable is only opened for
 * reading; no fifo is opened, so that nothing waits for anybody. */

#include "differential.h"

#include <sys/resource.h>

enum { CLOSED, FILE_OPEN, DIRECTORY_OPEN, TERMINAL_OPEN };

static uint64_t state;
static bool tame, joins, searches;
static struct text *out;
static char kinds[DESCRIPTORS];
static int terminal, master;

/* splitmix64 */
static uint64_t
draw (void)
{
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

static int
below (int limit)
{
  return (int) (draw () % (uint64_t) limit);
}

static bool
chance (int percent)
{
  return below (100) < percent;
}

#define ONE_OF(array) ((array)[below ((int) (sizeof (array) / sizeof *(array)))])

static const char *
either (const char *one, const char *other)
{
  return chance (50) ? one : other;
}

/* ---- Descriptors ---- */

static int
number (void)
{
  static const int others[] = { 10, 11, 12, 20, 63, 64, 100, 255, 299 };
  static const int odd[] = { -1, 310, 318, 320, 70000, 0x7fffffff };
  if (!tame && chance (3))
    return ONE_OF (odd);
  return chance (80) ? below (10) : ONE_OF (others);
}

static char *
kind_of (int fd)
{
  static char nothing;
  return fd >= 0 && fd < DESCRIPTORS ? &kinds[fd] : &nothing;
}

/* A number that is open, or any. */
static int
open_number (char kind)
{
  int found = -1, count = 0;
  if (tame || chance (80))
    for (int fd = 0; fd < DESCRIPTORS; fd++)
      if (kinds[fd] && (kind == FILE_OPEN || kinds[fd] == kind) && below (++count) == 0)
        found = fd;
  return found >= 0 ? found : number ();
}

struct file {
  const char *path, *flags;
  char kind;
};

static struct file
tame_file (void)
{
  static const struct file files[] = {
    { "@/file1", "RDONLY", FILE_OPEN },       { "@/file1", "RDWR", FILE_OPEN },
    { "@/file2", "WRONLY|APPEND", FILE_OPEN }, { "@/file2", "RDWR|TRUNC", FILE_OPEN },
    { "@/new", "RDWR|CREAT", FILE_OPEN },     { "@/new2", "WRONLY|CREAT|TRUNC", FILE_OPEN },
    { "@/a/new", "RDWR|CREAT|APPEND", FILE_OPEN }, { "@/link", "RDONLY|CLOEXEC", FILE_OPEN },
    { "@/bin/prog", "RDONLY", FILE_OPEN },    { "@/a", "RDONLY|DIRECTORY", DIRECTORY_OPEN },
    { "@/a/b", "RDONLY", DIRECTORY_OPEN },    { "@/bin", "PATH", DIRECTORY_OPEN },
    { "@", "RDONLY|DIRECTORY|CLOEXEC", DIRECTORY_OPEN }, { "@/file1", "PATH", FILE_OPEN },
    { "/dev/null", "RDWR", FILE_OPEN },       { "/dev/zero", "RDONLY|NONBLOCK", FILE_OPEN },
    { "/proc/self/status", "RDONLY", FILE_OPEN }, { "/dev/null", "WRONLY|CLOEXEC", FILE_OPEN },
  };
  return ONE_OF (files);
}

static struct file
wild_file (void)
{
  static const char *const paths[] = { "file1",    "a/file",   "new",       "a/new",      "missing/new", "file1/new",
                                       "link",     "dangling", "loop",      "secret",     "readonly",    "closed/new",
                                       "a",        "a/..",     "a/b",       "",           "script",      "gone",
                                       "%(300y)",  "@/new",    "@/a/b/new", "%(5000y)",   "a/../file2",  "/dev/null",
                                       "/dev/tty", "/dev/zero", "@/link",   "/proc/self/status" };
  static const char *const flags[] = { "RDONLY",       "WRONLY",           "RDWR",
                                       "RDWR|CREAT",   "WRONLY|CREAT|EXCL", "RDWR|CREAT|TRUNC",
                                       "WRONLY|TRUNC", "RDONLY|NOFOLLOW",  "RDONLY|DIRECTORY",
                                       "PATH",         "PATH|NOFOLLOW|CLOEXEC", "RDONLY|CLOEXEC",
                                       "WRONLY|APPEND|CREAT", "RDWR|NONBLOCK|CLOEXEC" };
  struct file file = { ONE_OF (paths), ONE_OF (flags), FILE_OPEN };
  return file;
}

static struct file
some_file (void)
{
  return tame || chance (70) ? tame_file () : wild_file ();
}

/* A number for a setting; the terminal's two sides are left alone, for its end would kill the caller. */
static int
free_number (void)
{
  for (;;)
    {
      int fd = number ();
      if (fd < 0 || (fd != terminal && fd != master))
        return fd;
    }
}

static void
descriptor (int fd)
{
  *kind_of (fd) = FILE_OPEN;
  if (chance (15))
    {
      int other = free_number ();
      add (out, "pipe %d %d\n", fd, other);
      *kind_of (other) = FILE_OPEN;
      return;
    }
  int from = open_number (FILE_OPEN);
  if (chance (25) && from != fd)
    {
      add (out, "duplicate %d %d %s\n", from, fd, either ("0", "CLOEXEC"));
      return;
    }
  struct file file = some_file ();
  add (out, "descriptor %d %s%s %d %s\n", fd, file.flags, either ("", "|CLOEXEC"), chance (30) ? below (100) : 0,
       file.path);
  *kind_of (fd) = file.kind;
}

static void
descriptors (void)
{
  memset (kinds, CLOSED, sizeof kinds);
  terminal = master = -1;
  if (chance (10))
    {
      terminal = chance (50) ? 0 : below (10);
      master = 10 + below (10);
      add (out, "terminal %d %d\n", terminal, master);
      kinds[master] = FILE_OPEN;
      kinds[terminal] = TERMINAL_OPEN;
    }
  else if (chance (60))
    add (out, "session\n");
  for (int fd = 0; fd < 3; fd++)
    if (!kinds[fd] && chance (85))
      {
        add (out, "descriptor %d RDWR 0 /dev/null\n", fd);
        kinds[fd] = FILE_OPEN;
      }
  for (int count = below (8); count > 0; count--)
    descriptor (free_number ());
}

/* ---- The program and its strings ---- */

static void
string (const char *key, const char *prefix)
{
  static const char *const values[] = { "", "x", "two words", "%ff%01%0a", "=", "a=b=c", "%(300z)", "--", "%(70000z)" };
  add (out, "%s %s%s\n", key, prefix, ONE_OF (values));
}

static void
search_path (void)
{
  static const char *const good[] = { "@/bin", "@/a", "@/linked" };
  static const char *const fruitless[] = { "missing", "@/a/b", "@/missing", "a/b", "@/closed", "@/plain", "@/folder",
                                             "%(4096x)" };
  static const char *const odd[] = { "",         "@/text", "@/looped",  "@/file1",   "bin",      "a",       ".",
                                     "%(4095/)", "loop",   "%(4096x)",  "%(5000x)",  "%(300x)",  "@/gone",  "/",
                                     "%(4094x)", "//",     "@/linked/", "@/missing" };
  for (int count = below (6); count > 0; count--)
    add (out, "path %s\n", tame || chance (30) ? ONE_OF (fruitless) : ONE_OF (odd));
  if (tame || chance (50))
    add (out, "path %s\n", ONE_OF (good));
}

static void
program (void)
{
  static const char *const paths[] = { "bin/prog",    "./a/prog",    "prog",     "missing",  "plain/prog",
                                       "text/prog",   "folder/prog", "a",        "script",   "linked/prog",
                                       "looped/prog", "badscript",   "loop",     "dangling", "",
                                       "@/script",    "%(300y)",     "%(5000y)", "secret",   "closed/prog",
                                       "file1/prog",  "@/missing",   "@/a/prog", "/proc/self/fd/5" };
  /* Where PATH is not set, the system's folders are searched, so these must be harmless there. */
  static const char *const names[] = { "missing",  "true",    "",         "./prog",      "bin/prog", "%(255y)",
                                       "%(256y)", "%(300y)",  "%(5000y)", "@/bin/prog", "a",        "prog" };
  searches = chance (40);
  if (searches)
    {
      add (out, "call spawnp\n");
      add (out, "program %s\n", tame || chance (60) ? "prog" : ONE_OF (names));
      if (tame || chance (90))
        search_path ();
    }
  else if (tame ? chance (30) : chance (60))
    add (out, "program %s\n", tame ? either ("@/script", "@/linked/prog") : ONE_OF (paths));

  for (int count = below (6); count > 0; count--)
    string ("argument", "");
  for (int count = below (6); count > 0; count--)
    string ("environment", either ("PATH=/nowhere", "NAME="));
  for (int count = below (4); count > 0; count--)
    string ("variable", either ("OTHER=", "LANG="));
  if (!tame && chance (2))
    add (out, "argument %%(140000x)\n");
  static const char *const null[] = { "pidfd", "actions", "attributes", "environment" };
  if (chance (10))
    add (out, "null %s\n", ONE_OF (null));
}

/* ---- Attributes ---- */

static void
signals (const char *key, int percent)
{
  if (!chance (percent))
    return;
  if (chance (10))
    for (int signal = 1; signal <= 64; signal++)
      add (out, "%s %d\n", key, signal);
  else
    for (int count = 1 + below (6); count > 0; count--)
      add (out, "%s %d\n", key, chance (15) ? 17 : chance (10) ? 32 + below (3) : 1 + below (64));
}

static void
attributes (bool extended)
{
  if (chance (15))
    return;
  /* Both at once cannot go well, which is worth a look now and then. */
  bool sets_session = chance (20), has_group = chance (tame || !sets_session ? 25 : 60);
  if (sets_session)
    add (out, "flag SETSID\n");
  if (has_group && !(tame && sets_session))
    {
      static const char *const groups[] = { "0", "0", "caller", "caller", "outside", "none", "-1" };
      add (out, "flag SETPGROUP\ngroup %s\n", tame ? "0" : ONE_OF (groups));
    }
  if (chance (20))
    add (out, "flag RESETIDS\n");
  if (chance (35))
    add (out, "flag SETSIGDEF\n");
  signals ("default", 40);
  if (chance (35))
    add (out, "flag SETSIGMASK\n");
  signals ("mask", 40);
  if (chance (10))
    add (out, "flag USEVFORK\n");

  /* SCHED_IDLE is left out: on a busy machine such a child takes for ever. */
  static const char *const policies[] = { "0", "1", "2", "3", "6", "99", "-1", "0x40000000", "0x40000001" };
  if (chance (12))
    add (out, "flag SETSCHEDULER\npolicy %s\n", tame ? either ("0", "3") : ONE_OF (policies));
  if (chance (12))
    add (out, "flag SETSCHEDPARAM\n");
  static const int priorities[] = { 0, 1, 5, 99, 100, -1 };
  if (!tame)
    add (out, "priority %d\n", ONE_OF (priorities));

  if (!extended && chance (5))
    {
      static const char *const cgroups[] = { "-1", "0", "3", "318", "9999" };
      add (out, "flag SETCGROUP\ncgroup %s\n", tame ? "own" : ONE_OF (cgroups));
    }
  if (!tame && chance (2))
    add (out, "flag 0x%x\n", 0x200 << below (7));
}

/* ---- File actions ---- */

static void
chdir_action (void)
{
  static const char *const good[] = { "@/a", "@/bin", "@", "@/a/b" };
  static const char *const odd[] = { "a",     "b", "a/..",   ".",    "bin",      "missing",
                                     "file1", "",  "closed", "loop", "%(5000y)", "gone" };
  add (out, "chdir %s\n", tame || chance (50) ? ONE_OF (good) : ONE_OF (odd));
}

static void
action (void)
{
  int from = open_number (FILE_OPEN), to = number (), kind = terminal >= 0 && chance (25) ? 99 : below (100);
  if (kind < 25)
    {
      if (chance (10))
        to = from;
      add (out, "dup2 %d %d\n", from, to);
      *kind_of (to) = *kind_of (from);
    }
  else if (kind < 50)
    {
      struct file file = some_file ();
      static const char *const modes[] = { "0644", "0600", "0777", "0", "06755", "0200" };
      add (out, "open %d %s %s %s\n", to, file.flags, ONE_OF (modes), file.path);
      *kind_of (to) = file.kind;
    }
  else if (kind < 70)
    {
      int fd = chance (70) ? from : to;
      add (out, "close %d\n", fd);
      *kind_of (fd) = CLOSED;
    }
  else if (kind < 82)
    chdir_action ();
  else if (kind < 90)
    {
      int fd = open_number (DIRECTORY_OPEN);
      if (!tame || *kind_of (fd) == DIRECTORY_OPEN)
        add (out, "fchdir %d\n", fd);
    }
  else if (kind < 94)
    {
      int first = chance (70) ? 3 + below (20) : number ();
      add (out, "closefrom %d\n", first);
      for (int fd = first; fd >= 0 && fd < DESCRIPTORS; fd++)
        kinds[fd] = CLOSED;
    }
  else if (terminal >= 0 || !tame)
    {
      int fd = open_number (TERMINAL_OPEN);
      if (!tame || *kind_of (fd) == TERMINAL_OPEN)
        add (out, "tcsetpgrp %d\n", fd);
    }
}

/* ---- The caller ---- */

static void
surroundings (void)
{
  static const char *const umasks[] = { "0", "077", "027", "0777", "0123" };
  if (chance (40))
    add (out, "umask %s\n", ONE_OF (umasks));
  static const char *const directories[] = { "@/a", "@/bin", "@/a/b", "@/gone" };
  if (chance (25))
    add (out, "directory %s\n", ONE_OF (directories));
  /* A nicer one would miss the time limit on a busy machine. */
  if (chance (10))
    add (out, "nice 1\n");
  static const char *const schedulers[] = { "3 0", "1 5", "2 1", "0x40000000 0", "0x40000001 3" };
  if (chance (8))
    add (out, "scheduler %s\n", ONE_OF (schedulers));
  if (chance (5))
    add (out, "core-limit %d\n", below (4096));
}

static void
limits (void)
{
  static const int limits[] = { 0, 3, 5, 10, 11, 20, 64, 256 };
  if (chance (20))
    {
      int soft = tame ? 300 : ONE_OF (limits);
      add (out, "descriptor-limit %d %d\n", soft, chance (50) ? soft : DESCRIPTORS);
    }
  if (chance (tame ? 0 : 5))
    add (out, "full\n");
}

static void
caller_signals (void)
{
  signals ("ignored", 35);
  signals ("handled", 35);
  if (chance (4))
    add (out, "children-not-waited\n");
  static const int signals_sent[] = { 1, 2, 10, 12, 14, 15, 17, 20, 21, 22, 34, 64 };
  signals ("blocked", 40);
  if (chance (15))
    for (int count = 1 + below (3); count > 0; count--)
      {
        int signal = ONE_OF (signals_sent);
        add (out, "blocked %d\npending %d\n", signal, signal);
      }
}

/* ---- What pidfd_spawn_ext is asked for ---- */

static void
credentials (void)
{
  static const char *const ids[] = { "0", "1000", "1001", "65534" };
  static const char *const odd[] = { "-1", "0", "2147483647", "70000" };
  if (chance (25))
    {
      add (out, "groups\n");
      for (int count = below (4); count > 0; count--)
        add (out, "supplementary %s\n", tame || chance (90) ? ONE_OF (ids) : ONE_OF (odd));
    }
  if (chance (30))
    add (out, "to-group %s\n", tame || chance (90) ? ONE_OF (ids) : ONE_OF (odd));
  if (chance (40))
    add (out, "to-user %s\n", tame || chance (90) ? ONE_OF (ids) : ONE_OF (odd));
  if (chance (25))
    add (out, "no-new-privileges\n");
  if (chance (25))
    add (out, "death-signal %d\n", tame ? 1 + below (64) : below (67) - 1);
}

static void
resource_limits (void)
{
  /* None that the program could not write its report with. */
  static const int resources[] = { RLIMIT_CORE,   RLIMIT_NOFILE, RLIMIT_NPROC,   RLIMIT_MEMLOCK,
                                   RLIMIT_CPU,    RLIMIT_MSGQUEUE, RLIMIT_SIGPENDING };
  /* These are raised, which not even every root may do; and the last is none. */
  static const int odd[] = { RLIMIT_NICE, RLIMIT_RTPRIO, 16 };
  for (int count = 1 + below (3); count > 0; count--)
    {
      int soft = 64 + below (200), resource = tame || chance (80) ? ONE_OF (resources) : ONE_OF (odd);
      if (tame || chance (90))
        add (out, "limit %d %d %d\n", resource, soft, soft + below (50));
      else
        add (out, "limit %d %d %d %d\n", resource, soft, chance (50) ? soft - 1 : -1, chance (30));
    }
}

/* What only the structure itself can have wrong, and sizes of other versions of it. */
static void
structure (void)
{
  static const char *const null[] = { "ignore", "inherit", "limits", "groups", "arguments", "arguments\nsize 0" };
  static const int good[] = { 0, 96, 500, 4096 };
  static const int odd[] = { 1, 7, 8, 87, 89, 4097 };
  if (chance (8))
    add (out, "size %d\n", tame ? ONE_OF (good) : chance (60) ? 8 + below (100) : ONE_OF (odd));
  if (tame)
    return;
  if (chance (3))
    add (out, "size %d\nrest %d\n", 96 + below (100), below (20));
  if (chance (3))
    add (out, "request-flag 0x%llx\n", 1ULL << (17 + below (47)));
  if (chance (2))
    add (out, "reserved %d\n", below (3) - 1);
  if (chance (5))
    add (out, "null %s\n", ONE_OF (null));
}

static void
extended_request (void)
{
  static const char *const masks[] = { "0", "077", "027", "0777" };
  /* Two ways to name the program are an error. */
  bool named = searches && (tame || chance (80));
  if (!named && chance (25))
    {
      add (out, "descriptor 7 %s 0 %s\n", either ("PATH|CLOEXEC", "RDONLY"),
           tame ? "@/bin/prog" : either ("@/script", "@/file1"));
      kinds[7] = FILE_OPEN;
      add (out, "program-descriptor %d\n", tame || chance (80) ? 7 : number ());
    }
  else if (!named && chance (30))
    {
      add (out, "program %s\nsearch-of-child\n", tame ? "prog" : either ("prog", "missing"));
      if (tame || chance (70))
        add (out, "environment PATH=@/missing:@/plain:%s\n", either ("@/bin", "@/a:"));
    }
  if (chance (50))
    {
      add (out, "cloexec-from %d\n", tame ? below (10) : number ());
      for (int count = below (4); count > 0; count--)
        add (out, "inherit %d\n", open_number (FILE_OPEN));
    }
  if (chance (30))
    resource_limits ();
  if (chance (30))
    add (out, "file-mask %s\n", tame || chance (90) ? ONE_OF (masks) : either ("01000", "07777"));
  signals ("ignore", 35);
  if (chance (15) && master < 0)
    {
      /* The numbers of a caller's own terminal. */
      add (out, "new-terminal 5 15\nflag SETSID\ntake-terminal 5\n");
      kinds[5] = TERMINAL_OPEN;
      kinds[15] = FILE_OPEN;
    }
  else if (!tame && chance (5))
    add (out, "take-terminal %d\n", chance (50) && terminal >= 0 ? terminal : number ());
  joins = chance (15);
  if (joins)
    add (out, "join\n");
  if (joins ? chance (70) : !tame && chance (3))
    add (out, "may-move\n");
  credentials ();
  structure ();
}

void
generate (uint64_t seed, uint64_t index, bool extended, struct text *test_case)
{
  out = test_case;
  clear (out);
  state = seed;
  state = draw () + index;
  state = draw ();
  tame = chance (66);
  joins = false;

  program ();
  descriptors ();
  surroundings ();
  attributes (extended);
  if (extended)
    extended_request ();
  int actions = chance (20) ? below (31) : below (8);
  while (actions-- > 0)
    action ();
  limits ();
  caller_signals ();
  if (chance (25))
    {
      add (out, "thread\n");
      if (chance (50))
        add (out, "cancellation requested\n");
    }
  if (chance (20))
    add (out, "cancellation disabled\n");
  if (chance (20))
    add (out, "cancellation asynchronous\n");
  static const char *const ids[] = { "0 1000 0 1000", "1000 0 1000 0", "1000 1000 1000 1000", "0 0 1000 1001",
                                     "0 1000 0 0" };
  /* Such a caller may not join a cgroup; see set_join. */
  if (chance (15) && !joins)
    {
      add (out, "ids %s\n", ONE_OF (ids));
      /* Then the library protects its memory by a pipe, for which descriptors have to be free. */
      if (extended && tame && chance (50))
        add (out, "dumpable 1\n");
    }
}
