/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Lets ready-made programs start where a version of glibc is missing to which they have only weak references, as
 * programs with Rust's standard library have to GLIBC_2.39.
 *
 * The dynamic loader wants every version that a file lists before it looks at a symbol, unless the entry in that list
 * is marked as weak.  An entry is 16 bytes with the version's hash, a flag, a number, and the place of its name; and
 * each symbol has the number of its version in a table beside the symbol table.  Only these places are written to.
 *
 * A file is changed only if everything that leads to these places is as expected; all numbers in it are taken to be
 * wrong until they were compared with something. */

#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { ENTRY_SIZE = 16 /* of Elf32_Vernaux and Elf64_Vernaux alike; so is the record above it */ };
enum { NO_VERSION = VER_NDX_GLOBAL };

static struct
{
  const char *version, *output;
  bool in_place, silent, dry_run;
} options = { .version = "GLIBC_2.39" };

/* The file that is looked at. */
static struct
{
  const char *name;
  int descriptor, write_error;
  unsigned char *bytes;
  uint64_t size;
  mode_t mode;
  bool has_capabilities;
  bool wide, big_endian;
  uint64_t segments, segment_count, segment_size;
  jmp_buf give_up;
} file = { .descriptor = -1 };

/* Part of the file, within its bounds. */
struct part
{
  uint64_t offset, size;
};

static struct
{
  struct part symbols, numbers, needs, strings;
  uint64_t need_count;
} dynamic;

/* What is written where, in one go. */
struct change
{
  uint64_t offset;
  unsigned char bytes[ENTRY_SIZE];
  unsigned int size;
};

static struct change *changes;
static size_t change_count;

static void
print_visibly (FILE *to, const char *text)
{
  for (; *text != 0; text++)
    fprintf (to, *text >= ' ' && *text <= '~' ? "%c" : "\\%03o", (unsigned char) *text);
}

/* Names in a file are whatever its author likes: they must be nothing that a terminal obeys. */
static void __attribute__ ((format (printf, 2, 0)))
print_line (FILE *to, const char *format, va_list arguments)
{
  char *text;
  if (vasprintf (&text, format, arguments) < 0)
    text = NULL;
  print_visibly (to, file.name);
  fputs (": ", to);
  print_visibly (to, text != NULL ? text : strerror (ENOMEM));
  fputc ('\n', to);
  free (text);
}

static void __attribute__ ((format (printf, 1, 2)))
say (const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  print_line (stdout, format, arguments);
  va_end (arguments);
  fflush (stdout);
}

/* Leaves the file alone. */
static void __attribute__ ((format (printf, 1, 2), noreturn))
refuse (const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  fputs ("pidfd-spawn-weaken: ", stderr);
  print_line (stderr, format, arguments);
  va_end (arguments);
  longjmp (file.give_up, 1);
}

static void *
memory (void *old, size_t size)
{
  void *new = realloc (old, size);
  if (new == NULL)
    refuse ("%s", strerror (ENOMEM));
  return new;
}

static bool
lies_within (uint64_t offset, uint64_t size, struct part whole)
{
  return offset >= whole.offset && offset - whole.offset <= whole.size && size <= whole.size - (offset - whole.offset);
}

static uint64_t
number (uint64_t offset, unsigned int size)
{
  if (!lies_within (offset, size, (struct part) { 0, file.size }))
    refuse ("is damaged: it ends too early");
  uint64_t value = 0;
  for (unsigned int i = 0; i < size; i++)
    value = value << 8 | file.bytes[offset + (file.big_endian ? i : size - 1 - i)];
  return value;
}

static uint64_t
half (uint64_t offset)
{
  return number (offset, 2);
}

static uint64_t
word (uint64_t offset)
{
  return number (offset, 4);
}

/* A member of structures that differ with the width of addresses.  Their members have the same names. */
#define MEMBER(offset, structure, member)                                                                            \
  number ((offset) + (file.wide ? offsetof (Elf64_##structure, member) : offsetof (Elf32_##structure, member)),      \
          (unsigned int) (file.wide ? sizeof ((Elf64_##structure *) 0)->member                                       \
                                    : sizeof ((Elf32_##structure *) 0)->member))
#define SIZE_OF(structure) (file.wide ? sizeof (Elf64_##structure) : sizeof (Elf32_##structure))

static struct change *
new_change (uint64_t offset)
{
  changes = memory (changes, (change_count + 1) * sizeof *changes);
  changes[change_count] = (struct change) { .offset = offset };
  return &changes[change_count++];
}

static void
append (struct change *change, uint64_t value, unsigned int size)
{
  for (unsigned int i = 0; i < size; i++)
    change->bytes[change->size + (file.big_endian ? size - 1 - i : i)] = (unsigned char) (value >> 8 * i);
  change->size += size;
}

/* A name in the string table.  Many can be one that is long, and all are gathered. */
static const char *
string (uint64_t place)
{
  enum { LONGEST = 1024 };
  if (place >= dynamic.strings.size)
    refuse ("is damaged: a name lies outside the names");
  const char *start = (const char *) file.bytes + dynamic.strings.offset + place;
  uint64_t rest = dynamic.strings.size - place;
  if (memchr (start, 0, rest < LONGEST ? rest : LONGEST) == NULL)
    refuse ("is damaged: a name has no end");
  return start;
}

static int
close_file (void)
{
  int descriptor = file.descriptor;
  file.descriptor = -1;
  return descriptor >= 0 ? close (descriptor) : 0;
}

static bool
has_capabilities (int descriptor)
{
  return fgetxattr (descriptor, "security.capability", NULL, 0) > 0;
}

static void
refuse_opening (int error)
{
  refuse ("%s%s", strerror (error), error == ETXTBSY ? ": it is running" : "");
}

/* It stays open until the next one: what is written to must be what was looked at, whatever has its name by then.  That
   it cannot be written to is told when it is to be. */
static void
read_file (void)
{
  close_file ();
  bool writes = options.in_place && !options.dry_run;
  file.descriptor = writes ? open (file.name, O_RDWR | O_CLOEXEC | O_NONBLOCK) : -1;
  file.write_error = file.descriptor < 0 ? errno : 0;
  if (file.descriptor < 0)
    file.descriptor = open (file.name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status;
  if (file.descriptor < 0 || fstat (file.descriptor, &status) != 0)
    refuse_opening (errno);
  if (!S_ISREG (status.st_mode))
    refuse ("is no regular file");
  if ((uint64_t) status.st_size >= SIZE_MAX / 2)
    refuse ("%s", strerror (EFBIG));
  file.mode = status.st_mode;
  file.has_capabilities = has_capabilities (file.descriptor);
  file.size = 0;
  file.bytes = memory (file.bytes, (size_t) status.st_size + 1);
  ssize_t count = 0;
  while (file.size < (uint64_t) status.st_size
         && (count = read (file.descriptor, file.bytes + file.size, (size_t) status.st_size - file.size)) > 0)
    file.size += (uint64_t) count;
  if (count < 0)
    refuse ("%s", strerror (errno));
}

static void
read_header (void)
{
  if (file.size < sizeof (Elf32_Ehdr) || memcmp (file.bytes, ELFMAG, SELFMAG) != 0)
    refuse ("is no program: it has no ELF header");
  const unsigned char *identity = file.bytes;
  if ((identity[EI_CLASS] != ELFCLASS32 && identity[EI_CLASS] != ELFCLASS64)
      || (identity[EI_DATA] != ELFDATA2LSB && identity[EI_DATA] != ELFDATA2MSB) || identity[EI_VERSION] != EV_CURRENT)
    refuse ("is of a form that is not known here");
  file.wide = identity[EI_CLASS] == ELFCLASS64;
  file.big_endian = identity[EI_DATA] == ELFDATA2MSB;
  if (identity[EI_OSABI] != ELFOSABI_SYSV && identity[EI_OSABI] != ELFOSABI_GNU)
    refuse ("is for another operating system");
  uint64_t type = MEMBER (0, Ehdr, e_type);
  if (type != ET_EXEC && type != ET_DYN)
    refuse ("is neither a program nor a shared library");
  if (MEMBER (0, Ehdr, e_version) != EV_CURRENT || MEMBER (0, Ehdr, e_ehsize) != SIZE_OF (Ehdr)
      || MEMBER (0, Ehdr, e_phentsize) != SIZE_OF (Phdr))
    refuse ("has an ELF header that is not known here");
  file.segments = MEMBER (0, Ehdr, e_phoff);
  file.segment_count = MEMBER (0, Ehdr, e_phnum);
  file.segment_size = SIZE_OF (Phdr);
  if (file.segment_count == PN_XNUM
      || !lies_within (file.segments, file.segment_count * file.segment_size, (struct part) { 0, file.size }))
    refuse ("is damaged: its segments lie outside the file");
}

/* Where in the file what is loaded at ADDRESS comes from. */
static uint64_t
place_of (uint64_t address, uint64_t size)
{
  for (uint64_t i = 0; i < file.segment_count; i++)
    {
      uint64_t segment = file.segments + i * file.segment_size;
      struct part loaded = { MEMBER (segment, Phdr, p_vaddr), MEMBER (segment, Phdr, p_filesz) };
      if (MEMBER (segment, Phdr, p_type) == PT_LOAD && lies_within (address, size, loaded))
        {
          uint64_t start = MEMBER (segment, Phdr, p_offset);
          if (!lies_within (start, loaded.size, (struct part) { 0, file.size }))
            refuse ("is damaged: a segment lies outside the file");
          return start + (address - loaded.offset);
        }
    }
  refuse ("is damaged: what the loader needs is not loaded");
}

/* The only section of TYPE, with entries of that size, at the address that the loader is told. */
static struct part
section (uint64_t type, uint64_t entry, uint64_t address)
{
  uint64_t start = MEMBER (0, Ehdr, e_shoff), count = MEMBER (0, Ehdr, e_shnum), size = SIZE_OF (Shdr);
  if (start == 0 || count == 0)
    refuse ("has no section headers, so that the number of its symbols is not known");
  if (MEMBER (0, Ehdr, e_shentsize) != size || !lies_within (start, count * size, (struct part) { 0, file.size }))
    refuse ("is damaged: its section headers lie outside the file");
  struct part found = { 0, 0 };
  for (uint64_t header = start; header < start + count * size; header += size)
    if (MEMBER (header, Shdr, sh_type) == type)
      {
        struct part this = { MEMBER (header, Shdr, sh_offset), MEMBER (header, Shdr, sh_size) };
        if (found.size != 0 || MEMBER (header, Shdr, sh_addr) != address || this.size == 0 || this.size % entry != 0
            || place_of (address, this.size) != this.offset)
          refuse ("is damaged: its sections are not what the loader sees");
        found = this;
      }
  if (found.size == 0)
    refuse ("is damaged: its sections are not what the loader sees");
  return found;
}

/* False if the file asks for no version at all. */
static bool
read_dynamic (void)
{
  struct part list = { 0, 0 };
  for (uint64_t i = 0; i < file.segment_count; i++)
    {
      uint64_t segment = file.segments + i * file.segment_size;
      if (MEMBER (segment, Phdr, p_type) == PT_DYNAMIC)
        list = (struct part) { MEMBER (segment, Phdr, p_offset), MEMBER (segment, Phdr, p_filesz) };
    }
  if (!lies_within (list.offset, list.size, (struct part) { 0, file.size }))
    refuse ("is damaged: its dynamic segment lies outside the file");

  uint64_t symbols = 0, numbers = 0, needs = 0, strings = 0, strings_size = 0, symbol_size = 0, libraries = 0;
  memset (&dynamic, 0, sizeof dynamic);
  uint64_t size = SIZE_OF (Dyn), end = list.offset + list.size - list.size % size;
  for (uint64_t entry = list.offset; entry < end && MEMBER (entry, Dyn, d_tag) != DT_NULL; entry += size)
    {
      uint64_t value = MEMBER (entry, Dyn, d_un.d_val);
      switch (MEMBER (entry, Dyn, d_tag))
        {
        case DT_NEEDED: libraries++; break;
        case DT_SYMTAB: symbols = value; break;
        case DT_SYMENT: symbol_size = value; break;
        case DT_STRTAB: strings = value; break;
        case DT_STRSZ: strings_size = value; break;
        case DT_VERSYM: numbers = value; break;
        case DT_VERNEED: needs = value; break;
        case DT_VERNEEDNUM: dynamic.need_count = value; break;
        }
    }
  if (libraries == 0)
    {
      say ("needs no library, so that no version can be missing; nothing to change");
      return false;
    }
  if (needs == 0 && dynamic.need_count != 0)
    refuse ("is damaged: it asks for versions without a list of them");
  if (needs == 0)
    return true;
  if (symbols == 0 || numbers == 0 || strings == 0 || symbol_size != SIZE_OF (Sym))
    refuse ("is damaged: it asks for versions, but not for any symbol's");
  dynamic.strings = (struct part) { place_of (strings, strings_size), strings_size };
  dynamic.symbols = section (SHT_DYNSYM, SIZE_OF (Sym), symbols);
  dynamic.numbers = section (SHT_GNU_versym, 2, numbers);
  dynamic.needs = section (SHT_GNU_verneed, 4, needs);
  if (dynamic.symbols.size / SIZE_OF (Sym) != dynamic.numbers.size / 2)
    refuse ("is damaged: not every symbol has a version");
  return true;
}

static uint64_t
hash (const char *name)
{
  uint32_t value = 0;
  for (; *name != 0; name++)
    {
      value = (value << 4) + (unsigned char) *name;
      value = (value ^ (value >> 24 & 0xf0)) & 0x0fffffff;
    }
  return value;
}

/* A version that the file asks for, of which library.  All of them are known before anything is decided. */
struct need
{
  uint64_t entry, number, flags;
  const char *name, *library;
};

static struct need *needs;
static size_t need_count;

static void
read_needs (void)
{
  need_count = 0;
  if (dynamic.need_count == 0)
    return;
  uint64_t record = dynamic.needs.offset;
  for (uint64_t i = 0;; i++)
    {
      if (!lies_within (record, ENTRY_SIZE, dynamic.needs) || half (record + offsetof (Elf64_Verneed, vn_version)) != 1)
        refuse ("is damaged: the list of its versions is not known here");
      const char *library = string (word (record + offsetof (Elf64_Verneed, vn_file)));
      uint64_t count = half (record + offsetof (Elf64_Verneed, vn_cnt));
      uint64_t entry = record + word (record + offsetof (Elf64_Verneed, vn_aux));
      for (uint64_t j = 0; j < count; j++)
        {
          if (!lies_within (entry, ENTRY_SIZE, dynamic.needs))
            refuse ("is damaged: the list of its versions has no end");
          needs = memory (needs, (need_count + 1) * sizeof *needs);
          struct need *need = &needs[need_count++];
          *need = (struct need) {
            .entry = entry,
            .number = half (entry + offsetof (Elf64_Vernaux, vna_other)),
            .flags = half (entry + offsetof (Elf64_Vernaux, vna_flags)),
            .name = string (word (entry + offsetof (Elf64_Vernaux, vna_name))),
            .library = library,
          };
          if (word (entry + offsetof (Elf64_Vernaux, vna_hash)) != hash (need->name)
              || (need->flags & ~(uint64_t) VER_FLG_WEAK) != 0 || need->number <= NO_VERSION || need->number >= 0x8000)
            refuse ("is damaged: its entry for %s is not known here", need->name);
          for (size_t k = 0; k + 1 < need_count; k++)
            if (needs[k].number == need->number || needs[k].entry == entry)
              refuse ("is damaged: two of its versions have one number");
          uint64_t next = word (entry + offsetof (Elf64_Vernaux, vna_next));
          if ((next == 0) != (j + 1 == count))
            refuse ("is damaged: the list of its versions has another length");
          entry += next;
        }
      uint64_t next = word (record + offsetof (Elf64_Verneed, vn_next));
      if ((next == 0) != (i + 1 == dynamic.need_count))
        refuse ("is damaged: the list of its libraries has another length");
      if (next == 0)
        return;
      record += next;
    }
}

/* GLIBC_2.N as N, else -1. */
static int
minor (const char *version)
{
  int value = -1, length = 0;
  /* What a loader has to know for relocations packed by ld. */
  if (strcmp (version, "GLIBC_ABI_DT_RELR") == 0)
    return 36;
  if (sscanf (version, "GLIBC_2.%4d%n", &value, &length) != 1 || (version[length] != 0 && version[length] != '.'))
    return -1;
  return value;
}

/* Says which symbols have this version, and refuses if one of them is needed. */
static void
look_at_symbols (const struct need *need)
{
  char *weak = NULL, *strong = NULL;
  size_t weak_size, strong_size;
  FILE *of_weak = open_memstream (&weak, &weak_size), *of_strong = open_memstream (&strong, &strong_size);
  if (of_weak == NULL || of_strong == NULL)
    refuse ("%s", strerror (errno));
  for (uint64_t i = 0; i < dynamic.numbers.size / 2; i++)
    {
      uint64_t place = dynamic.numbers.offset + i * 2;
      if ((half (place) & 0x7fff) != need->number)
        continue;
      uint64_t symbol = dynamic.symbols.offset + i * SIZE_OF (Sym);
      const char *name = string (MEMBER (symbol, Sym, st_name));
      bool is_weak = ELF64_ST_BIND (MEMBER (symbol, Sym, st_info)) == STB_WEAK
                     && MEMBER (symbol, Sym, st_shndx) == SHN_UNDEF;
      fprintf (is_weak ? of_weak : of_strong, " %s", name);
      if (is_weak && options.silent)
        append (new_change (place), NO_VERSION, 2);
    }
  if (fclose (of_weak) != 0 || fclose (of_strong) != 0)
    refuse ("%s", strerror (errno));
  if (strong_size != 0)
    refuse ("cannot do without%s of %s", strong, need->name);
  say ("asks for %s of %s, %s%s", need->name, need->library,
       weak_size != 0 ? "by weak references to" : "but for no symbol", weak);
  free (weak);
  free (strong);
}

/* Another version of the same library that the file asks for anyway: the oldest. */
static const struct need *
oldest_beside (const struct need *need)
{
  const struct need *found = NULL;
  for (size_t i = 0; i < need_count; i++)
    if (strcmp (needs[i].library, need->library) == 0 && strcmp (needs[i].name, need->name) != 0 && needs[i].flags == 0
        && minor (needs[i].name) >= 0 && (found == NULL || minor (needs[i].name) < minor (found->name)))
      found = &needs[i];
  return found;
}

/* Plans what is to be changed, the symbols' numbers before the entry, and says it.  False if there is nothing. */
static bool
look (void)
{
  bool asks = false;
  for (size_t i = 0; i < need_count; i++)
    {
      const struct need *need = &needs[i];
      if (strcmp (need->name, options.version) != 0)
        continue;
      asks = true;
      look_at_symbols (need);
      if (options.silent)
        {
          const struct need *other = oldest_beside (need);
          if (other == NULL)
            refuse ("asks for no other version of %s, so that %s cannot become one", need->library, need->name);
          say ("the entry for %s becomes a second one for %s; its symbols have no version then", need->name,
               other->name);
          /* From the hash to the name. */
          struct change *change = new_change (need->entry);
          append (change, hash (other->name), 4);
          append (change, need->flags, 2);
          append (change, need->number, 2);
          append (change, word (other->entry + offsetof (Elf64_Vernaux, vna_name)), 4);
        }
      else if ((need->flags & VER_FLG_WEAK) != 0)
        say ("the entry for %s is a weak one already", need->name);
      else
        {
          say ("the entry for %s becomes a weak one", need->name);
          append (new_change (need->entry + offsetof (Elf64_Vernaux, vna_flags)), VER_FLG_WEAK, 2);
        }
    }
  if (!asks)
    say ("does not ask for %s; nothing to change", options.version);
  return change_count != 0;
}

static bool
stays (const struct need *need)
{
  return strcmp (need->name, options.version) != 0 && need->flags == 0;
}

/* What the file asks for besides.  What it asks other libraries for has nothing to do with glibc's releases. */
static void
say_what_stays (void)
{
  const struct need *newest = NULL;
  for (size_t i = 0; i < need_count; i++)
    if (stays (&needs[i]) && minor (needs[i].name) > (newest != NULL ? minor (newest->name) : -1))
      newest = &needs[i];
  bool all_tell = true;
  for (size_t i = 0; i < need_count; i++)
    {
      const struct need *need = &needs[i];
      bool is_glibcs = strncmp (need->name, "GLIBC_", strlen ("GLIBC_")) == 0
                       || (newest != NULL && strcmp (need->library, newest->library) == 0);
      if (stays (need) && is_glibcs && minor (need->name) < 0)
        {
          say ("%s of %s stays; its name does not tell which releases have it", need->name, need->library);
          all_tell = false;
        }
    }
  if (newest != NULL && all_tell)
    say ("%s of %s stays, so it starts with glibc 2.%d and newer", newest->name, newest->library, minor (newest->name));
}

static void
write_all (int descriptor, const unsigned char *bytes, uint64_t size, uint64_t offset)
{
  while (size > 0)
    {
      ssize_t count = pwrite (descriptor, bytes, size, (off_t) offset);
      if (count < 0)
        return;
      bytes += count;
      size -= (uint64_t) count;
      offset += (uint64_t) count;
    }
}

/* A copy gets no privileges, and the kernel takes them from what is written to. */
static void
say_what_is_lost (int descriptor)
{
  struct stat status;
  if (fstat (descriptor, &status) != 0)
    status.st_mode = 0;
  if ((file.mode & ~status.st_mode & S_ISUID) != 0)
    say ("the set-user-ID bit is not kept");
  if ((file.mode & ~status.st_mode & S_ISGID) != 0)
    say ("the set-group-ID bit is not kept");
  if (file.has_capabilities && !has_capabilities (descriptor))
    say ("the capabilities are not kept");
}

/* A file that is there already is not written to, and half a copy is not left. */
static void
write_copy (const char *name)
{
  int descriptor = open (name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0)
    refuse ("%s: %s", name, strerror (errno));
  for (size_t i = 0; i < change_count; i++)
    memcpy (file.bytes + changes[i].offset, changes[i].bytes, changes[i].size);
  errno = 0;
  write_all (descriptor, file.bytes, file.size, 0);
  int error = errno;
  if (error == 0 && fchmod (descriptor, file.mode & 0777) != 0)
    error = errno;
  if (error == 0)
    say_what_is_lost (descriptor);
  if (close (descriptor) != 0 && error == 0)
    error = errno;
  if (error != 0)
    {
      unlink (name);
      refuse ("%s: %s", name, strerror (error));
    }
  say ("the changed copy is %s", name);
}

/* Whatever is written before the machine stops, the file is as good as before: the entry for the version comes last. */
static void
write_in_place (void)
{
  if (file.write_error != 0)
    refuse_opening (file.write_error);
  errno = 0;
  for (size_t i = 0; i < change_count && errno == 0; i++)
    write_all (file.descriptor, changes[i].bytes, changes[i].size, changes[i].offset);
  int error = errno;
  say_what_is_lost (file.descriptor);
  if (close_file () != 0 && error == 0)
    error = errno;
  if (error != 0)
    refuse ("%s", strerror (error));
  say ("is changed");
}

static bool
weaken (const char *name)
{
  file.name = name;
  change_count = 0;
  if (setjmp (file.give_up) != 0)
    return false;
  read_file ();
  read_header ();
  if (!read_dynamic ())
    return false;
  read_needs ();
  bool changes_anything = look ();
  say_what_stays ();
  if (!changes_anything)
    return false;
  if (options.dry_run)
    return true;
  if (options.in_place)
    write_in_place ();
  else if (options.output != NULL)
    write_copy (options.output);
  else
    {
      char *copy = memory (NULL, strlen (name) + sizeof ".weakened");
      stpcpy (stpcpy (copy, name), ".weakened");
      write_copy (copy);
      free (copy);
    }
  return true;
}

static int
usage (FILE *to, int status)
{
  fputs ("usage: pidfd-spawn-weaken [OPTION...] FILE...\n"
         "\n"
         "Lets a ready-made program start where glibc lacks a version to which the program has only weak\n"
         "references.  Writes the changed program to FILE.weakened.\n"
         "\n"
         "  -i, --in-place           change FILE itself\n"
         "  -n, --dry-run            say what would be changed, and change nothing\n"
         "  -o, --output=NAME        the name of the copy, of one FILE\n"
         "  -s, --silent             take the requirement out, so that the loader does not complain at each start\n"
         "  -v, --version-name=NAME  the version, GLIBC_2.39 unless given\n"
         "  -h, --help               this text\n",
         to);
  return status;
}

int
main (int argc, char **argv)
{
  static const struct option names[] = {
    { "in-place", no_argument, NULL, 'i' },      { "dry-run", no_argument, NULL, 'n' },
    { "output", required_argument, NULL, 'o' },  { "silent", no_argument, NULL, 's' },
    { "version-name", required_argument, NULL, 'v' }, { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
  };
  /* Each line in one go, though it is made character by character. */
  setvbuf (stderr, NULL, _IOLBF, BUFSIZ);
  for (int option; (option = getopt_long (argc, argv, "ino:sv:h", names, NULL)) != -1;)
    switch (option)
      {
      case 'i': options.in_place = true; break;
      case 'n': options.dry_run = true; break;
      case 'o': options.output = optarg; break;
      case 's': options.silent = true; break;
      case 'v': options.version = optarg; break;
      case 'h': return usage (stdout, 0);
      default: return usage (stderr, 2);
      }
  if (optind == argc || (options.output != NULL && (options.in_place || argc - optind != 1)))
    return usage (stderr, 2);
  bool all = true;
  for (int i = optind; i < argc; i++)
    all = weaken (argv[i]) && all;
  return all ? 0 : 1;
}
