# Takes the fenced blocks out of a document: each into the file FOLDER/N, and one line for each to standard output:
#
#   N <tab> LINE <tab> LANGUAGE <tab> the other words of the fence
#
# A block in a list is indented as its fence is; the text of the list begins there.

function indentation(line) {
  match(line, /^ */)
  return RLENGTH
}

!inside && /^ *```/ {
  inside = 1
  indent = indentation($0)
  words = substr($0, indent + 4)
  language = words
  sub(/ .*/, "", language)
  if (!sub(/^[^ ]* /, "", words))
    words = ""
  block = folder "/" ++count
  printf "" >block
  printf "%d\t%d\t%s\t%s\n", count, FNR, (language == "" ? "-" : language), words
  next
}

inside && /^ *```$/ {
  inside = 0
  close(block)
  next
}

inside {
  least = indentation($0) < indent ? indentation($0) : indent
  print substr($0, least + 1) >block
}

END {
  if (inside)
    printf "%d\t%d\tunfinished\t\n", ++count, FNR
}
