/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Texts that grow, their lines, and the strings in a case. */

#include "differential.h"

#include <stdarg.h>

_Noreturn void
die (const char *what)
{
  fprintf (stderr, "differential: %s: %s\n", what, strerror (errno));
  exit (2);
}

static void
make_room (struct text *text, size_t length)
{
  if (text->length + length + 1 <= text->size)
    return;
  text->size = (text->length + length + 1) * 2;
  text->data = realloc (text->data, text->size);
  if (!text->data)
    die ("realloc");
}

void
add_bytes (struct text *text, const char *bytes, size_t length)
{
  make_room (text, length);
  memcpy (text->data + text->length, bytes, length);
  text->length += length;
  text->data[text->length] = 0;
}

void
add (struct text *text, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  int length = vsnprintf (NULL, 0, format, arguments);
  va_end (arguments);
  make_room (text, (size_t) length);
  va_start (arguments, format);
  vsnprintf (text->data + text->length, (size_t) length + 1, format, arguments);
  va_end (arguments);
  text->length += (size_t) length;
}

void
clear (struct text *text)
{
  make_room (text, 0);
  text->length = 0;
  text->data[0] = 0;
}

const char *
find_line (const char *text, const char *from, const char *key, size_t *length)
{
  size_t key_length = strlen (key);
  const char *line = from ? strchr (from, '\n') : text;
  while (line && *line)
    {
      line += *line == '\n';
      size_t end = strcspn (line, "\n");
      if (end >= key_length && strncmp (line, key, key_length) == 0 && (end == key_length || line[key_length] == ' '))
        {
          size_t start = key_length + (end > key_length);
          *length = end - start;
          return line + start;
        }
      line = line[end] ? line + end : NULL;
    }
  return NULL;
}

bool
has_line (const char *text, const char *line)
{
  size_t length;
  const char *found = find_line (text, NULL, line, &length);
  return found && length == 0;
}

char *
decode (const char *string, const char *root)
{
  struct text text = { NULL, 0, 0 };
  clear (&text);
  while (*string)
    {
      unsigned int count = 1, byte = (unsigned char) *string;
      int used = 1;
      char filler;
      if (byte == '@')
        {
          add (&text, "%s", root);
          count = 0;
        }
      else if (sscanf (string, "%%(%u%c)%n", &count, &filler, &used) == 2)
        byte = (unsigned char) filler;
      else if (sscanf (string, "%%%2x%n", &byte, &used) != 1)
        byte = (unsigned char) *string;
      make_room (&text, count);
      memset (text.data + text.length, (int) byte, count);
      text.length += count;
      text.data[text.length] = 0;
      string += used;
    }
  return text.data;
}

void
add_missing (struct text *to, const char *words, const char *text, const char *other)
{
  for (const char *line = text; *line;)
    {
      size_t length = strcspn (line, "\n");
      char *copy = strndup (line, length);
      if (!has_line (other, copy))
        add (to, "%s%s\n", words, copy);
      free (copy);
      line += length + (line[length] == '\n');
    }
}
