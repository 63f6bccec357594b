//! The C functions: raw pointers and the two ways of returning an error end here.
//!
//! The comments of the functions are the reference documentation; `include/spawn_ext.h` is generated from them.

// Sound because: each function passes on to the modules inside exactly what its documentation asks of the caller.
#![allow(unsafe_code)]
// What a caller must guarantee stands under PARAMETERS, in the words of C.
#![allow(clippy::missing_safety_doc)]

// No interface for others: the shared library exports it under the libc's names.
#[doc(hidden)]
pub mod posix_spawn;
mod spawn_ext;

pub use crate::spawn::extended::args::*;
pub use spawn_ext::pidfd_spawn_ext;

use crate::cancel;
use crate::errno::{self, Errno, Result};
use crate::fork::{self, Forked};
use crate::getpid;
use crate::kernel::fd::OwnedFd;
use crate::libc_abi::{Attributes, FileActions, Libc};
use crate::runtime::{self, Next, Runtime};
use crate::spawn::{self, Child, Program, Request, SearchBuffer};
use crate::wait;
use core::mem::{transmute, MaybeUninit};
use libc::{c_char, c_int, c_uint, pid_t, posix_spawn_file_actions_t, posix_spawnattr_t, rusage, siginfo_t};

/// Flag of pidfd_fork: run no pthread_atfork handler, so that the call is async-signal-safe.
pub const PIDFDFORK_ASYNCSAFE: c_uint = 2;

const _: () = assert!(PIDFDFORK_ASYNCSAFE == fork::ASYNC_SAFE);

/// Starts the program at PATH in a new process and returns a pidfd for it.
///
/// Like posix_spawn, but the child is identified by a file descriptor, which can never come to mean another process.
/// It can be used with poll, for which it is readable when the process has ended, with waitid and P_PIDFD, and with
/// pidfd_send_signal.  When the process ends, its parent gets SIGCHLD, as always, and has to wait for it.
///
/// Before the program is executed, the attributes take effect, then the file actions in their order, then the signal
/// mask.  Signals for which the caller has a handler get their default action, and ignored signals stay ignored.
///
/// PARAMETERS
///   pidfd  Where the descriptor is stored.  It is close-on-exec, and the caller has to close it.  May be NULL: then
///          the child is made and no descriptor is left open.  Untouched on failure.
///   path   The program.  A relative path is resolved after the file actions.  Not NULL.
///   facts  File actions made with the posix_spawn_file_actions_* functions of the C library, performed in the order
///          in which they were added.  Only read: they can be used again, or destroyed after the call.  May be NULL.
///   attrp  Attributes made with its posix_spawnattr_* functions; likewise.  May be NULL.
///   argv   The argument strings, terminated by NULL; the first is the program's name for itself.  Not NULL.
///   envp   The environment strings, terminated by NULL.  NULL means an empty environment; environ is the caller's own.
///
/// RETURN VALUE
///   0, and errno as it was; otherwise a positive error number (never -1), which is also stored in errno.  After an
///   error there is no child, not even a zombie, and no new descriptor.  If a signal kills the child before it has
///   executed the program, the call succeeds and the wait status tells of the signal.
///
/// ERRORS
///   In starting the program, those of execve, among them:
///   E2BIG         The arguments and the environment are too large.
///   EACCES        No permission to execute the file, or to search a directory of its path; or it is not a file.
///   ENOENT        The file, or the interpreter that it names, does not exist.
///   ENOEXEC       The file is in a format that the kernel does not execute.  It is never handed to a shell.
///   ELOOP, ENAMETOOLONG, ENOTDIR, ETXTBSY, EIO, EISDIR, ELIBBAD, EPERM
///   In making the process:
///   EAGAIN        The limit on the number of processes or threads is reached.
///   EMFILE        No descriptor is free in the process.  No child was made.
///   ENFILE        No more files can be open in the system.
///   ENOMEM        Not enough memory.
///   ENOSYS        The kernel has no complete pidfd interface (Linux 5.4), or the C library stores its attributes and
///                 file actions in an unknown way.
///   In the attributes and file actions:
///   EINVAL        A flag or a file action is unknown; a scheduling policy, priority or process group is not valid;
///                 the cgroup is negative.
///   EOPNOTSUPP    A cgroup is asked for, and the kernel cannot start a process in one (Linux 5.7, clone3).
///   EBADF         A file action names a descriptor that is not open, or that cannot be one; or the cgroup's is not
///                 open.
///   EPERM, ESRCH, EBUSY, ENODEV, ENOTTY and what open, dup2, chdir, fchdir, tcsetpgrp, setpgid, setsid,
///                 sched_setscheduler and setresuid return.  The call does not tell which action failed.
///
/// SAFETY
///   MT-Safe (race: the objects that the arguments point to, and the environment, must not be changed during the call).
///   Takes no lock and allocates nothing, but is not promised to be async-signal-safe.  No cancellation point:
///   cancellation never acts inside the call.  Needs 2 KiB of stack, including what the child uses
///   (3 KiB on mips of 64 bits and powerpc64, 4 KiB on s390x and sparc64; 4 KiB more where the
///   library has no instructions for the architecture, 6 KiB more without optimisation, as in a debug build of the
///   crate).
///
/// ORIGIN
///   glibc 2.39, with the same signature and meaning; POSIX.1-2024 for posix_spawn.
#[no_mangle]
pub unsafe extern "C" fn pidfd_spawn(
    pidfd: *mut c_int,
    path: *const c_char,
    facts: *const posix_spawn_file_actions_t,
    attrp: *const posix_spawnattr_t,
    argv: *const *mut c_char,
    envp: *const *mut c_char,
) -> c_int {
    let arguments = Arguments { result: pidfd, name: path, actions: facts, attributes: attrp, argv, envp };
    arguments.run(Runtime::get(), Program::Path(path), &runtime::PIDFD_SPAWN)
}

/// Like pidfd_spawn, but looks for FILE in the directories listed in PATH.
///
/// PATH is that of the caller's environment, not of ENVP; where it is not set, the C library's default PATH is
/// searched.  An empty element is the current directory.  A name that contains a slash is not searched for.  The
/// search goes on after EACCES, ENOENT, ENOTDIR, ESTALE, ENODEV and ETIMEDOUT; any other error ends it.
///
/// PARAMETERS
///   file   The program's name.  Not NULL.
///   pidfd, facts, attrp, argv, envp
///          As for pidfd_spawn.
///
/// RETURN VALUE
///   As pidfd_spawn: 0 or a positive error number.
///
/// ERRORS
///   As pidfd_spawn, and:
///   EACCES        Nothing could be executed, and at least one file was found without permission to execute it.
///   ENOENT        No directory has the file, or its name is empty.
///   ENOTDIR, ESTALE, ENODEV, ETIMEDOUT
///                 The error of the last directory, where no other error applies.
///   ENAMETOOLONG  The name is longer than a file name can be.
///
/// SAFETY
///   As pidfd_spawn, but needs 4 KiB more of stack.
///
/// ORIGIN
///   glibc 2.39; POSIX.1-2024 for posix_spawnp.
#[no_mangle]
pub unsafe extern "C" fn pidfd_spawnp(
    pidfd: *mut c_int,
    file: *const c_char,
    facts: *const posix_spawn_file_actions_t,
    attrp: *const posix_spawnattr_t,
    argv: *const *mut c_char,
    envp: *const *mut c_char,
) -> c_int {
    let runtime = Runtime::get();
    let mut room = MaybeUninit::uninit();
    let buffer = SearchBuffer::in_place(&mut room);
    let path = runtime.abi().unwrap_or(Libc::Glibc).search_path();
    let arguments = Arguments { result: pidfd, name: file, actions: facts, attributes: attrp, argv, envp };
    arguments.run(runtime, Program::Search { name: file, path, buffer }, &runtime::PIDFD_SPAWNP)
}

/// Makes a copy of the calling process, as fork does, and returns a pidfd for it.
///
/// With FLAGS 0 it is fork: the handlers of pthread_atfork run as they do under fork, and the child may go on to use
/// the whole C library.  With PIDFDFORK_ASYNCSAFE it is _Fork: no handler runs, and a child of a process with several
/// threads may only call async-signal-safe functions.  The child has one thread, the caller's, with the caller's
/// signal mask, and copies of all its descriptors; the pidfd is not among them.
///
/// The child returns from the call only when the parent has its pidfd, which refers to this child and no other process,
/// whoever waits for children meanwhile.  If the parent ends first, or executes another program, the child ends too.
///
/// PARAMETERS
///   flags  0 or PIDFDFORK_ASYNCSAFE.
///
/// RETURN VALUE
///   In the parent the child's pidfd, which is close-on-exec and never 0, and which the caller has to close; in the
///   child 0.  On failure -1 with errno set; then there is no child, and none has returned from the call.  On success
///   errno is as it was.
///
/// ERRORS
///   EINVAL        A flag is unknown.
///   EAGAIN        The limit on the number of processes or threads is reached.
///   EMFILE        No two descriptors are free in the process: the call needs two for a moment, with numbers of 3 and
///                 above.  No child was made.
///   ENFILE        No more files can be open in the system.
///   ENOMEM        Not enough memory.
///   ENOSYS        The kernel has no complete pidfd interface (Linux 5.4), or a sandbox refuses a part of it; or, with
///                 PIDFDFORK_ASYNCSAFE, the C library has no _Fork and keeps records that only its fork renews (glibc
///                 before 2.25, musl before 1.2.2), or may keep some, as in a fully static program of
///                 glibc before 2.34.
///   ESRCH         The child was killed before the parent had its pidfd, or gave no answer within ten seconds where
///                 the parent needed one.
///
/// SAFETY
///   MT-Safe.  Async-signal-safe with PIDFDFORK_ASYNCSAFE.  No cancellation point: cancellation never acts inside the
///   call.  (In a process with one thread, the very first request in its life, if a handler of pthread_atfork makes it,
///   acts at that handler's next cancellation point, as under fork.)  Needs 2 KiB of stack besides what the C library's
///   own function needs.
///
/// ORIGIN
///   The interface proposed for glibc in 2023, where it was not included; fork and _Fork of POSIX.1-2024.
#[no_mangle]
pub unsafe extern "C" fn pidfd_fork(flags: c_uint) -> c_int {
    or_minus_one(|| {
        fork::fork(flags, Runtime::get()).map(|forked| match forked {
            Forked::Child => 0,
            Forked::Parent(pidfd) => pidfd.into_raw(),
        })
    })
}

/// Returns the process ID of the process to which a pidfd refers.
///
/// PARAMETERS
///   fd     A pidfd, from whatever source.  It is left unchanged.
///
/// RETURN VALUE
///   The process ID as seen in the caller's PID namespace, also that of a zombie.  For the pidfd of a thread, the
///   thread's ID.  On failure -1 with errno set.  On success errno is as it was.  The ID refers to that process only
///   until the process is waited for.
///
/// ERRORS
///   EBADF         The descriptor is negative, not open, or not a pidfd.
///   EREMOTE       The process has no ID in the caller's PID namespace.
///   ESRCH         The process has ended and was waited for.
///   Only where procfs is needed: before Linux 6.13, before 6.16 for a process whose parent has no ID in the caller's
///   PID namespace, and in sandboxes:
///   ENOENT        procfs is not mounted on /proc.
///   EMFILE, ENFILE, ENOMEM
///                 procfs cannot be read without a free descriptor or memory.
///   EACCES        The process has changed its user and is not dumpable: before Linux 5.14, such a process cannot
///                 read its own /proc/thread-self/fdinfo.
///
/// SAFETY
///   MT-Safe, async-signal-safe.  No cancellation point: cancellation never acts inside the call.  Needs 2 KiB of
///   stack (without optimisation 6 KiB).
///
/// ORIGIN
///   glibc 2.39.
#[no_mangle]
pub extern "C" fn pidfd_getpid(fd: c_int) -> pid_t {
    or_minus_one(|| getpid::getpid(fd))
}

/// Waits for the process to which a pidfd refers, and tells how it ended even if somebody else has waited for it.
///
/// For a child of the caller it is waitid with P_PIDFD.  Where the process is no child, where its status was taken by
/// a wait for any child, where SIGCHLD is ignored or PIDFD_SPAWN_AUTOREAP was given, it waits on the pidfd and gets the
/// exit status from the kernel (Linux 6.15).  The kernel tells it when the process's parent has waited for it, so a
/// zombie of another process counts as not yet ended for as long as its parent lets it lie.  Of a process whose first
/// thread ended before the others the kernel then tells the status of that thread.
///
/// PARAMETERS
///   pidfd    A pidfd, from whatever source.
///   info     Filled as waitid does: si_signo SIGCHLD, si_code CLD_EXITED, CLD_KILLED or CLD_DUMPED, si_status, si_pid
///            and si_uid; the last two are 0 where nobody knows them any more.  May be NULL.
///   options  WNOHANG: do not wait.  WNOWAIT: leave a child's status where it is.  WSTOPPED, WCONTINUED: tell as well
///            of a child that was stopped or continued; of another process that is not told.  WEXITED is implied.
///   usage    What the process has used, where waitid has news of a child; zeroes where nobody knows that any more;
///            unchanged where there is nothing to tell.  May be NULL.  It is written as the kernel does, in machine
///            words; the header converts it for C programs with wider times, and nothing does so for Rust.
///
/// RETURN VALUE
///   0, and errno as it was; with WNOHANG also if the process has not ended, and then si_signo and si_pid are 0.
///   On failure -1 with errno set, and *info and *usage are unchanged.
///
/// ERRORS
///   EINVAL        An option is unknown; looked at before the descriptor.  Or the process is no child, and the limit on
///                 descriptors is 0.
///   EBADF         The descriptor is negative, not open, or not a pidfd.
///   ECHILD        The process is no child, or its status was taken, and the kernel does not tell it: before Linux
///                 6.15, or because the process is out of sight in another PID namespace.
///   EINTR         A signal handler ran; with SA_RESTART only where the process is no child.
///   EAGAIN        The pidfd was opened with PIDFD_NONBLOCK, the process has not ended, and WNOHANG is not given.
///   ENOSYS        The kernel cannot wait for pidfds: before Linux 5.4.
///
/// SAFETY
///   MT-Safe: any number of threads may wait for the same process; each gets the status, and the one that takes it the
///   usage (with WNOWAIT, each that finds it).
///   A cancellation point; a thread that is cancelled has taken no status.  Needs 2 KiB of stack (without optimisation
///   6 KiB).
///
/// ORIGIN
///   This library's own.
#[no_mangle]
pub unsafe extern "C" fn pidfd_wait(pidfd: c_int, info: *mut siginfo_t, options: c_int, usage: *mut rusage) -> c_int {
    or_minus_one(|| wait::wait(pidfd, info.cast(), options, usage.cast()).map(|()| 0))
}

/// The arguments of pidfd_spawn, pidfd_spawnp, posix_spawn and posix_spawnp.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Arguments {
    /// Where what names the child is stored: the pidfd, or posix_spawn's process ID.
    pub result: *mut c_int,
    pub name: *const c_char,
    pub actions: *const posix_spawn_file_actions_t,
    pub attributes: *const posix_spawnattr_t,
    pub argv: *const *mut c_char,
    pub envp: *const *mut c_char,
}

/// How the caller identifies the child.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    Pidfd,
    ProcessId,
}

impl Arguments {
    unsafe fn run(&self, runtime: Runtime, program: Program, native: &Next) -> c_int {
        or_error_number(|| match (runtime.has_pidfds(), runtime.abi()) {
            (false, _) => Err(Errno(libc::ENOSYS)),
            (true, Some(abi)) => self.spawn(abi, program, Name::Pidfd),
            (true, None) => self.spawn_natively(native),
        })
    }

    #[inline(always)]
    unsafe fn spawn(&self, abi: Libc, program: Program, wanted: Name) -> Result<()> {
        // Until the name is stored: a caller that is cancelled before would lose the child.
        let _no_cancellation = cancel::Deferred::new();
        let request = self.request(abi, program, wanted)?;
        let child = spawn::spawn(&request)?;
        self.store(child, wanted);
        Ok(())
    }

    #[inline(always)]
    unsafe fn request<'a>(&self, abi: Libc, program: Program<'a>, wanted: Name) -> Result<Request<'a>> {
        Ok(Request {
            program,
            actions: FileActions::new(abi, self.actions.cast()),
            attributes: Attributes::new(abi, self.attributes.cast())?,
            argv: self.argv,
            envp: self.envp,
            wants_pidfd: wanted == Name::Pidfd,
        })
    }

    #[inline(always)]
    unsafe fn store(&self, child: Child, wanted: Name) {
        if !self.result.is_null() {
            *self.result = match wanted {
                Name::Pidfd => child.pidfd.map_or(-1, OwnedFd::into_raw),
                Name::ProcessId => child.pid,
            };
        }
    }

    /// For a libc whose layouts are not known: only its own function can read them.
    #[cold]
    unsafe fn spawn_natively(&self, native: &Next) -> Result<()> {
        // SAFETY: null or the libc's function of that name.
        let function: Option<Spawn> = transmute(native.get());
        let function = function.ok_or(Errno(libc::ENOSYS))?;
        let _no_cancellation = cancel::Deferred::new();
        // glibc's would store no descriptor at NULL and leave it open.
        let mut unwanted = -1;
        let result = if self.result.is_null() { &mut unwanted } else { self.result };
        let error = Arguments { result, ..*self }.pass_on(function);
        if unwanted >= 0 {
            drop(OwnedFd::from_raw(unwanted));
        }
        match error {
            0 => Ok(()),
            error => Err(Errno(error)),
        }
    }

    /// Leaves the work to the libc's function.
    unsafe fn pass_on(&self, function: Spawn) -> c_int {
        function(self.result, self.name, self.actions, self.attributes, self.argv, self.envp)
    }
}

/// pidfd_spawn, pidfd_spawnp, posix_spawn and posix_spawnp as a libc has them.
type Spawn = unsafe extern "C" fn(
    *mut c_int,
    *const c_char,
    *const posix_spawn_file_actions_t,
    *const posix_spawnattr_t,
    *const *mut c_char,
    *const *mut c_char,
) -> c_int;

#[inline(always)]
fn or_error_number(function: impl FnOnce() -> Result<()>) -> c_int {
    let errno = errno::get();
    match function() {
        Ok(()) => {
            errno::restore(errno);
            0
        }
        Err(Errno(error)) => {
            errno::set(error);
            error
        }
    }
}

fn or_minus_one(function: impl FnOnce() -> Result<c_int>) -> c_int {
    let errno = errno::get();
    match function() {
        Ok(number) => {
            errno::restore(errno);
            number
        }
        Err(Errno(error)) => {
            errno::set(error);
            -1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::process;
    use libc::c_void;
    use std::ptr;

    const SIZE: usize = 1 << 17;
    const PAINT: u8 = 0xA5;

    /// How much of a stack of its own a thread uses that does that.
    fn stack_of<F: FnMut()>(mut work: F) -> usize {
        extern "C" fn run<F: FnMut()>(work: *mut c_void) -> *mut c_void {
            unsafe { (*work.cast::<F>())() };
            ptr::null_mut()
        }
        let mut stack = vec![PAINT; SIZE + 4096];
        let start = stack.as_ptr().align_offset(4096);
        unsafe {
            let mut attributes = std::mem::zeroed();
            let mut thread = std::mem::zeroed();
            assert_eq!(libc::pthread_attr_init(&mut attributes), 0);
            assert_eq!(libc::pthread_attr_setstack(&mut attributes, stack[start..].as_mut_ptr().cast(), SIZE), 0);
            assert_eq!(libc::pthread_create(&mut thread, &attributes, run::<F>, (&mut work as *mut F).cast()), 0);
            assert_eq!(libc::pthread_join(thread, ptr::null_mut()), 0);
            libc::pthread_attr_destroy(&mut attributes);
        }
        SIZE - stack[start..].iter().take_while(|&&byte| byte == PAINT).count()
    }

    /// What the documents say of the stack that a call needs, which a thread may not have much of.
    #[test]
    fn the_stack_that_is_needed() {
        let [path, name] = [b"/bin/true\0".as_ptr(), b"true\0".as_ptr()].map(|text| text as *mut c_char);
        let argv = [name, ptr::null_mut()];
        let (actions, attributes, argv, envp) = (ptr::null(), ptr::null(), argv.as_ptr(), argv[1..].as_ptr());
        let nothing = stack_of(|| {});
        let check = |what, optimised: usize, not: usize, call: &mut dyn FnMut(&mut c_int) -> bool| {
            let mut pidfd = -1;
            let used = stack_of(|| {
                assert!(call(&mut pidfd));
                // By the thread that made it.
                if pidfd >= 0 {
                    process::reap(pidfd).expect("the child is ours");
                    drop(unsafe { OwnedFd::from_raw(pidfd) });
                }
            });
            let promised = 1024 * if cfg!(any(debug_assertions, large_frames)) { not } else { optimised };
            assert!(used - nothing <= promised, "{what}: {} bytes", used - nothing);
        };
        check("pidfd_spawn", 2, 8, &mut |fd| unsafe { pidfd_spawn(fd, path, actions, attributes, argv, envp) == 0 });
        check("pidfd_spawnp", 6, 12, &mut |fd| unsafe { pidfd_spawnp(fd, name, actions, attributes, argv, envp) == 0 });
        let ext = |flags, text| {
            let args = pidfd_spawn_args { flags, uid: process::getuid(), ..Default::default() };
            let size = std::mem::size_of_val(&args);
            check("pidfd_spawn_ext", 12, 24, &mut |fd| unsafe {
                pidfd_spawn_ext(fd, text, actions, attributes, argv, envp, &args, size) == 0
            });
        };
        ext(PIDFD_SPAWN_SETUMASK, path);
        ext(PIDFD_SPAWN_SEARCH, name);
        ext(PIDFD_SPAWN_SETUID, path);
        ext(PIDFD_SPAWN_SETUID | PIDFD_SPAWN_SEARCH, name);
        let own = crate::kernel::fd::pidfd_open(process::getpid()).unwrap();
        check("pidfd_wait", 2, 6, &mut |_| unsafe {
            pidfd_wait(own.raw(), ptr::null_mut(), libc::WNOHANG, ptr::null_mut()) == 0
        });
        check("pidfd_getpid", 2, 6, &mut |_| pidfd_getpid(own.raw()) == process::getpid());
    }
}
