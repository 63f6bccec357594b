# The programs of the C suite in a copy of the parts of the source tree that they need, where the libraries are built
# already: see places.py.

WERROR ?= -Werror
LIB := build/lib
SO := $(LIB)/libpidfd_spawn.so
ARCHIVE := $(LIB)/libpidfd_spawn.a
HEADERS := build/include/spawn_ext.h build/include/pidfd_spawn.h

include tests-c/suite/suite.mk
include tests-c/guard/guard.mk
