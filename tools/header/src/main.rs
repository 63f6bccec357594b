//! Generates the C header from the functions in src/capi, their structures, and the comments of both.
//!
//! cbindgen writes the prototypes; what it has no words for (restrict, nonnull, nothrow) is put in afterwards, and each
//! such change must apply exactly once, so that a change of the source cannot pass it by silently.
//!
//! Usage: header SOURCE.RS... > spawn_ext.h

use cbindgen::{Builder, Config, DocumentationStyle, ExportConfig, Language, Style};
use std::process::ExitCode;

const HEAD: &str = "\
/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * spawn_ext.h: pidfd_spawn, pidfd_spawnp, pidfd_spawn_ext, pidfd_wait, pidfd_fork and pidfd_getpid.
 *
 * Generated from src/capi by `make header`; do not edit.  Programs include <pidfd_spawn.h>, which also has what
 * is needed to use a pidfd; one that has a pidfd_open of its own includes this.
 *
 * The spawn functions return the error number, as posix_spawn does; pidfd_wait, pidfd_fork and pidfd_getpid return -1
 * and set errno.  ENOSYS says that there are no pidfds here: that is the time for another way.  From pidfd_spawn_ext it
 * can also be the answer of a step that a sandbox refuses. */";

const AFTER_INCLUDES: &str = "
/* A newer C library has declared some of what follows already. */
#if defined __GNUC__
# pragma GCC diagnostic push
# pragma GCC diagnostic ignored \"-Wredundant-decls\"
#endif

/* <signal.h> declares siginfo_t, and defines SI_USER, only under some feature macros. */
#if defined SI_USER
# define PIDFD_SPAWN_SIGINFO_T 1
#elif defined __has_include
# if __has_include (<bits/types/siginfo_t.h>)
#  include <bits/types/siginfo_t.h>
#  define PIDFD_SPAWN_SIGINFO_T 1
# endif
#endif
#if defined PIDFD_SPAWN_SIGINFO_T
# define PIDFD_SPAWN_SIGINFO siginfo_t
#else
# define PIDFD_SPAWN_SIGINFO void
#endif

/* The words of the C library's own headers where it has them, so that declaring a function twice is no conflict. */
#if defined __THROW
# define PIDFD_SPAWN_NOTHROW __THROW
#elif defined __cplusplus && __cplusplus >= 201103L
# define PIDFD_SPAWN_NOTHROW noexcept (true)
#elif defined __cplusplus
# define PIDFD_SPAWN_NOTHROW throw ()
#elif defined __GNUC__
# define PIDFD_SPAWN_NOTHROW __attribute__ ((__nothrow__))
#else
# define PIDFD_SPAWN_NOTHROW
#endif
/* pidfd_fork calls back into the program's own pthread_atfork handlers. */
#if defined __THROWNL
# define PIDFD_SPAWN_NOTHROW_CALLBACK __THROWNL
#else
# define PIDFD_SPAWN_NOTHROW_CALLBACK PIDFD_SPAWN_NOTHROW
#endif
#if defined __GNUC__
# define PIDFD_SPAWN_NONNULL(parameters) __attribute__ ((__nonnull__ parameters))
#else
# define PIDFD_SPAWN_NONNULL(parameters)
#endif
#if defined __cplusplus && defined PIDFD_NONBLOCK && !defined PIDFD_SPAWN_OVERLAY_SYS_PIDFD_H \\
    && defined __GLIBC__ && defined __GLIBC_PREREQ
# if __GLIBC_PREREQ (2, 39)
#  define PIDFD_SPAWN_GETPID_OF_CPLUSPLUS 1
# endif
#endif";

const TRAILER: &str = "
/* The size of struct pidfd_spawn_args when it was new. */
#define PIDFD_SPAWN_ARGS_SIZE_VER0 (sizeof (void *) == 8 ? 88 : 72)
typedef char pidfd_spawn_args_has_its_size[sizeof (struct pidfd_spawn_args) == PIDFD_SPAWN_ARGS_SIZE_VER0 ? 1 : -1];
typedef char pidfd_spawn_rlimit_has_its_size[sizeof (struct pidfd_spawn_rlimit) == 24 ? 1 : -1];

#if __SIZEOF_LONG__ == 4 \\
    && (defined __USE_TIME_BITS64 || defined __USE_TIME64_REDIRECTS || defined _REDIR_TIME64 || defined __riscv)
/* The times of struct rusage are wider here than those of the kernel, which pidfd_wait stores. */
static __inline int
pidfd_wait_time64 (int pidfd, PIDFD_SPAWN_SIGINFO *info, int options, struct rusage *usage)
{
  /* A number of microseconds that no kernel stores: it stays where there is nothing to tell. */
  long kernels[18] = { 0, -1 };
  int result = pidfd_wait (pidfd, info, options, usage ? (struct rusage *) (void *) kernels : 0);
# if defined __GNUC__
  /* So that no compiler warns of what then is uninitialized. */
  __asm__ (\"\" : : \"r\" (usage) : \"memory\");
# endif
  if (usage && kernels[1] != -1)
    {
      usage->ru_utime.tv_sec = kernels[0];
      usage->ru_utime.tv_usec = kernels[1];
      usage->ru_stime.tv_sec = kernels[2];
      usage->ru_stime.tv_usec = kernels[3];
      usage->ru_maxrss = kernels[4];
      usage->ru_ixrss = kernels[5];
      usage->ru_idrss = kernels[6];
      usage->ru_isrss = kernels[7];
      usage->ru_minflt = kernels[8];
      usage->ru_majflt = kernels[9];
      usage->ru_nswap = kernels[10];
      usage->ru_inblock = kernels[11];
      usage->ru_oublock = kernels[12];
      usage->ru_msgsnd = kernels[13];
      usage->ru_msgrcv = kernels[14];
      usage->ru_nsignals = kernels[15];
      usage->ru_nvcsw = kernels[16];
      usage->ru_nivcsw = kernels[17];
    }
  return result;
}
# define pidfd_wait pidfd_wait_time64
#endif

/* The cgroup that the child is born in, as glibc 2.39 has it.  The shared library gives these to every libc, and has
 * its posix_spawn and posix_spawnp honour the flag; the archive does not. */
#ifndef POSIX_SPAWN_SETCGROUP
# define POSIX_SPAWN_SETCGROUP 0x100
# if defined __THROW
#  define PIDFD_SPAWN_LIBC_NOTHROW __THROW
# else
#  define PIDFD_SPAWN_LIBC_NOTHROW
# endif
# ifdef __cplusplus
extern \"C\" {
# endif
/* Stores in *CGROUP the descriptor of the cgroup v2 directory that ATTR holds.  Gives 0, or
 * ENOSYS where the library does not know the C library, and that has no such function. */
extern int posix_spawnattr_getcgroup_np (const posix_spawnattr_t *attr, int *cgroup) PIDFD_SPAWN_LIBC_NOTHROW;
/* Has ATTR hold the descriptor CGROUP, which counts if the flag POSIX_SPAWN_SETCGROUP is set.  Gives
 * the same. */
extern int posix_spawnattr_setcgroup_np (posix_spawnattr_t *attr, int cgroup) PIDFD_SPAWN_LIBC_NOTHROW;
# ifdef __cplusplus
}
# endif
# undef PIDFD_SPAWN_LIBC_NOTHROW
#endif

#undef PIDFD_SPAWN_SIGINFO
#undef PIDFD_SPAWN_NOTHROW
#undef PIDFD_SPAWN_NOTHROW_CALLBACK
#undef PIDFD_SPAWN_NONNULL
#undef PIDFD_SPAWN_GETPID_OF_CPLUSPLUS

#if defined __GNUC__
# pragma GCC diagnostic pop
#endif";

/// Search and replace; each must be found exactly once in the prototype of the function.
const CHANGES: &[(&str, &[(&str, &str)])] = &[
    ("int pidfd_spawn(", SPAWN),
    ("int pidfd_spawn(", &[(");", ") PIDFD_SPAWN_NONNULL ((2, 5));")]),
    ("int pidfd_spawnp(", SPAWN),
    // glibc promises the compiler that the first is not NULL either; here NULL is legal for both functions.
    ("int pidfd_spawnp(", &[(");", ") PIDFD_SPAWN_NONNULL ((2, 5));")]),
    ("int pidfd_spawn_ext(", SPAWN),
    ("int pidfd_spawn_ext(", &[("*args", "*__restrict args"), (");", ") PIDFD_SPAWN_NONNULL ((5));")]),
    ("int pidfd_wait(", &[("siginfo_t *", "PIDFD_SPAWN_SIGINFO *")]),
    ("int pidfd_fork(", &[(");", ") PIDFD_SPAWN_NOTHROW_CALLBACK;")]),
    ("pid_t pidfd_getpid(", &[("pid_t pidfd_getpid(int fd);", GETPID)]),
    (
        "#define PIDFDFORK_ASYNCSAFE",
        &[(
            "#define PIDFDFORK_ASYNCSAFE 2",
            "#ifndef PIDFDFORK_ASYNCSAFE\n# define PIDFDFORK_ASYNCSAFE (1U << 1)\n#endif",
        )],
    ),
];

/// Without the condition, in C++ it would be an error to include glibc's <sys/pidfd.h> before.
const GETPID: &str = "\
#if defined PIDFD_SPAWN_GETPID_OF_CPLUSPLUS
}
/* glibc's <sys/pidfd.h> may have been included, which does not say that this is a function of C. */
# ifndef __clang__
extern pid_t pidfd_getpid(int fd) PIDFD_SPAWN_NOTHROW __asm__ (\"pidfd_getpid\");
# else
/* For clang it is too late for another name if the program has called it already. */
extern \"C\" pid_t pidfd_spawn_getpid(int fd) PIDFD_SPAWN_NOTHROW __asm__ (\"pidfd_getpid\");
extern __inline__ __attribute__ ((__gnu_inline__, __always_inline__)) pid_t
pidfd_getpid(int fd) PIDFD_SPAWN_NOTHROW
{
  return pidfd_spawn_getpid(fd);
}
# endif
extern \"C\" {
#else
pid_t pidfd_getpid(int fd) PIDFD_SPAWN_NOTHROW;
#endif";

const SPAWN: &[(&str, &str)] = &[
    ("int *pidfd", "int *__restrict pidfd"),
    ("const char *", "const char *__restrict "),
    ("*facts", "*__restrict facts"),
    ("*attrp", "*__restrict attrp"),
    ("char *const *argv", "char *const *__restrict argv"),
    ("char *const *envp", "char *const *__restrict envp"),
];

fn main() -> ExitCode {
    let sources: Vec<_> = std::env::args_os().skip(1).collect();
    if sources.is_empty() {
        eprintln!("usage: header SOURCE.RS... > spawn_ext.h");
        return ExitCode::from(2);
    }
    let config = Config {
        language: Language::C,
        style: Style::Tag,
        header: Some(HEAD.into()),
        include_guard: Some("PIDFD_SPAWN_EXT_H".into()),
        no_includes: true,
        sys_includes: ["signal.h", "spawn.h", "stddef.h", "stdint.h", "sys/resource.h", "sys/types.h"]
            .map(String::from)
            .into(),
        usize_is_size_t: true,
        export: ExportConfig {
            rename: [("rusage".to_string(), "struct rusage".to_string())].into_iter().collect(),
            ..ExportConfig::default()
        },
        after_includes: Some(AFTER_INCLUDES.into()),
        trailer: Some(TRAILER.into()),
        cpp_compat: true,
        documentation_style: DocumentationStyle::Doxy,
        line_length: 100,
        ..Config::default()
    };
    let builder = sources.iter().fold(Builder::new().with_config(config), Builder::with_src);
    let bindings = match builder.generate() {
        Ok(bindings) => bindings,
        Err(error) => {
            eprintln!("header: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut text = Vec::new();
    bindings.write(&mut text);
    match finish(String::from_utf8(text).expect("cbindgen writes UTF-8")) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("header: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Puts in what cbindgen cannot write.
fn finish(mut text: String) -> Result<String, String> {
    for (declaration, changes) in CHANGES {
        let start = text.find(declaration).ok_or(format!("no declaration `{declaration}`"))?;
        let length = text[start..].find(['\n', ';']).filter(|_| declaration.starts_with('#'));
        let length = length.or(text[start..].find(';').map(|end| end + 1)).ok_or("unfinished declaration")?;
        let mut prototype = text[start..start + length].to_string();
        for (from, to) in *changes {
            if prototype.matches(from).count() != 1 {
                return Err(format!("`{from}` is not once in:\n{prototype}"));
            }
            prototype = prototype.replacen(from, to, 1);
        }
        text.replace_range(start..start + length, &prototype);
    }
    // C90 has no other comments, and the trailer belongs inside the guard.
    let text = text.replace("// __cplusplus", "/* __cplusplus */").replace("}  // extern \"C\"", "}");
    let guard_end = "#endif  /* PIDFD_SPAWN_EXT_H */\n";
    let (body, trailer) = text.split_once(guard_end).ok_or("no end of the include guard")?;
    Ok(format!("{}\n\n{}\n\n{guard_end}", body.trim_end(), trailer.trim()))
}
