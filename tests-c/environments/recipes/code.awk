# Prints what is code in documents: the blocks in sh, and what stands between backquotes, as FILE:LINE:CODE.

/^ *```/ {
  if (inside)
    inside = shell = 0
  else {
    inside = 1
    shell = /^ *```sh( |$)/
  }
  next
}

shell {
  print FILENAME ":" FNR ":" $0
}

!inside {
  parts = split($0, part, "`")
  for (i = 2; i <= parts; i += 2)
    print FILENAME ":" FNR ":" part[i]
}
