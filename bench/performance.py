"""Renews the rows of docs/performance.md: performance.py TABLE DOCUMENT >NEW-DOCUMENT

TABLE is table.md, which table.py writes.  A row of it takes the place of the document's row of the same table that
begins with the same words, unless something of it was not measured; below each table stands when, of which commit and
on which machine its rows were measured, by the letters of the last column.  A row that the document lacks is an error.
"""

import pathlib
import re
import string
import sys

sys.dont_write_bytecode = True

from ratio import line

# A table, and below it what the letters mean.
BLOCK = re.compile(r"((?:^\|.*\n)+)(?:\nMeasured:\n\n((?:^- [a-z]: .*\n)+))?", re.MULTILINE)
NOT_MEASURED = re.compile(r"\b(not measured|missing)\b")


def cells(line):
    return [cell.strip() for cell in line[1:-1].split("|")]


def parse(block):
    """The head of a table, and its rows by the words that say what is compared."""
    head, _, *rows = map(cells, block.splitlines())
    words = 2 if head[1] == "against" else 1
    return tuple(head), {tuple(row[:words]): row for row in rows}


def lines(head, rows):
    """The table with letters in its last column, and what they mean."""
    origins = sorted({row[-1] for row in rows if row[-1]}, reverse=True)
    letters = dict(zip(origins, string.ascii_lowercase))
    yield line(head)
    yield "|---" * len(head) + "|"
    for row in rows:
        yield line([*row[:-1], letters.get(row[-1], "")])
    if letters:
        yield "\nMeasured:\n"
        yield from (f"- {letter}: {origin}" for origin, letter in letters.items())


def renew(fresh, found):
    head, rows = parse(found[1])
    if head not in fresh:
        return found[0]
    origins = dict(re.findall(r"^- ([a-z]): (.*)$", found[2] or "", re.MULTILINE))
    for what, row in rows.items():
        new = fresh[head].pop(what, None)
        if new and not NOT_MEASURED.search(" ".join(new[len(what):])):
            rows[what] = new
            continue
        row[-1] = origins.get(row[-1], row[-1])
        print(f"performance: left as it was: {', '.join(what)}", file=sys.stderr)
    return "".join(f"{text}\n" for text in lines(head, rows.values()))


def main():
    table, document = (pathlib.Path(path).read_text(encoding="utf-8") for path in sys.argv[1:3])
    fresh = dict(parse(found[1]) for found in BLOCK.finditer(table))
    text = BLOCK.sub(lambda found: renew(fresh, found), document)
    lacking = [what for rows in fresh.values() for what in rows]
    if lacking:
        sys.exit("\n".join(f"performance: {sys.argv[2]} has no row for: {', '.join(what)}" for what in lacking))
    sys.stdout.write(text)


main()
