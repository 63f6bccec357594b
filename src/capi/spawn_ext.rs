//! pidfd_spawn_ext.

// Sound because: as in `capi`.
#![allow(unsafe_code)]
#![allow(clippy::missing_safety_doc)]

use super::{or_error_number, Arguments, Name};
use crate::cancel;
use crate::errno::{Errno, Result};
use crate::kernel::uapi::SignalSet;
use crate::libc_abi::{self, flag, Attributes, Libc};
use crate::runtime::{self, Runtime};
use crate::spawn::extended;
use crate::spawn::extended::args::*;
use crate::spawn::{Program, SearchBuffer};
use core::mem::{size_of, MaybeUninit};
use libc::{c_char, c_int, posix_spawn_file_actions_t, posix_spawnattr_t};

/// Starts a program as pidfd_spawn does, and does before what programs otherwise fork for.
///
/// ARGS says what, by its flags.  The child does it in this order: signal dispositions (default, then ignored),
/// scheduling, session and process group, controlling terminal, POSIX_SPAWN_RESETIDS, file mode creation mask,
/// close-on-exec marks, file actions, resource limits, groups, group IDs, user IDs, no_new_privs, death signal, signal
/// mask.  Nothing is ever left out: what the kernel cannot do is an error, and no program runs.
///
/// A child that gets another user does not endanger the caller: it stays as dumpable as it was, and a process
/// of the new user can read nothing of it.  If the caller has CAP_KILL, such a process can delay the call by a second
/// of stops that are seen, and the last steps by ten seconds whatever is seen; but without limit in the file actions
/// after POSIX_SPAWN_RESETIDS, if another thread takes the news of stops.  Ambient capabilities of a caller that is not
/// root stay.
///
/// PARAMETERS
///   pidfd  As for pidfd_spawn; with PIDFD_SPAWN_KILL_ON_CLOSE not NULL.
///   file   The program's path, or its name with PIDFD_SPAWN_SEARCH and PIDFD_SPAWN_SEARCH_ENVP; NULL with
///          PIDFD_SPAWN_EXEC_FD and only then.
///   facts, attrp, argv, envp
///          As for pidfd_spawn.
///   args   What is asked for besides.  Only read.  NULL, with a SIZE of 0: nothing (but a change of the user by
///          POSIX_SPAWN_RESETIDS is made as with arguments).
///   size   sizeof (struct pidfd_spawn_args), or PIDFD_SPAWN_ARGS_SIZE_VER0 and so on for an older one; in bytes.
///
/// RETURN VALUE
///   As pidfd_spawn: 0 or a positive error number, which is also stored in errno.
///
/// ERRORS
///   As pidfd_spawn and pidfd_spawnp, and before any child exists:
///   EINVAL        A flag is unknown; or SIZE is below 8, or does not reach the members of a flag.  Two of SEARCH,
///                 SEARCH_ENVP and EXEC_FD.  FILE is NULL without EXEC_FD, or not NULL with it.  KILL_ON_CLOSE with a
///                 NULL pidfd.  SETCTTY without POSIX_SPAWN_SETSID.  CGROUP beside a POSIX_SPAWN_SETCGROUP of another
///                 descriptor.  CGROUP_MAY_MOVE without CGROUP.  A negative descriptor, a umask beyond 0777, a death
///                 signal outside 1 to 64 (mips: 128), an ID of -1, NULL where a count is not 0 or with SETSIGIGNORE,
///                 more than 65,536 groups, a resource that is none, something in a reserved member.
///   EFAULT        ARGS is NULL and SIZE is not 0.
///   E2BIG         SIZE is beyond 4096, or ARGS has something in members that this library does not know.
///   EOPNOTSUPP    The kernel, or a sandbox, cannot do what CGROUP (without CGROUP_MAY_MOVE), AUTOREAP or KILL_ON_CLOSE
///                 asks for.
///   EPERM         KILL_ON_CLOSE without NO_NEW_PRIVS, by a caller that lacks CAP_SYS_ADMIN; PDEATHSIG for another
///                 user, by a caller that lacks CAP_KILL.
///   EMFILE, ENFILE
///                 A change of the user takes three descriptors more for a moment where the caller's memory has to be
///                 copied: for a dumpable caller, all of whose group IDs are the program's and which may set no others
///                 or whose user namespace has no others, where a cgroup is asked for, in a few sandboxes, and for
///                 the few other callers that the manual page names.
///   From the child, with the number that the system call gave:
///   EPERM, EINVAL, EAGAIN, ENOTTY, EBADF, EACCES, EBUSY and others
///                 of setgroups, setresgid, setresuid, prlimit, ioctl (TIOCSCTTY), and opening and writing
///                 cgroup.procs.  EBADF also for a descriptor of `inherit` that is not open, and for a `cgroup` that
///                 is no directory of cgroup v2.
///   EOPNOTSUPP    PDEATHSIG where the exec takes the signal away: the real, the effective or the file-system ID
///                 differ; or root lacks a capability of its bounding set, and may gain it.
///   ENOENT        A script by EXEC_FD through a descriptor that is close-on-exec, as CLOEXEC_FROM may make it.
///
/// SAFETY
///   As pidfd_spawn.  Needs 12 KiB of stack (16 KiB on s390x, sparc64 and powerpc64 with big-endian numbers; 4 KiB
///   more where the library has no instructions for the architecture; without optimisation 24 KiB).
///   For as long as a call that changes the user lasts, other threads see the process as not dumpable, and a process
///   that one of them forks stays so.  Two copies of the library in one process (the archive or the crate in plugins)
///   do not know of each other's calls: of those that change the user, only one copy's may run at a time.
///
/// ORIGIN
///   This library's own.
#[no_mangle]
pub unsafe extern "C" fn pidfd_spawn_ext(
    pidfd: *mut c_int,
    file: *const c_char,
    facts: *const posix_spawn_file_actions_t,
    attrp: *const posix_spawnattr_t,
    argv: *const *mut c_char,
    envp: *const *mut c_char,
    args: *const pidfd_spawn_args,
    size: usize,
) -> c_int {
    let arguments = Arguments { result: pidfd, name: file, actions: facts, attributes: attrp, argv, envp };
    let no_flags = 0_u64;
    let (mut args, mut size) = (args, size);
    if size == 0 {
        // There, only the child would notice.
        if file.is_null() {
            return or_error_number(|| Err(Errno(libc::EINVAL)));
        }
        let resets_ids = !attrp.is_null() && Attributes::may_have(attrp.cast(), flag::RESETIDS);
        if !resets_ids || Runtime::get().abi().is_none() {
            // Not by the exported name, which in a plugin can be the libc's.
            return arguments.run(Runtime::get(), Program::Path(file), &runtime::PIDFD_SPAWN);
        }
        // A change of the user.
        (args, size) = ((&no_flags as *const u64).cast(), size_of::<u64>());
    }
    or_error_number(|| {
        let runtime = Runtime::get();
        if !runtime.has_pidfds() {
            return Err(Errno(libc::ENOSYS));
        }
        let mut room = MaybeUninit::uninit();
        let args = pidfd_spawn_args::copy(&mut room, args, size)?;
        args.check()?;
        let unfit =
            args.has(PIDFD_SPAWN_EXEC_FD) != file.is_null() || args.has(PIDFD_SPAWN_KILL_ON_CLOSE) && pidfd.is_null();
        if unfit {
            return Err(Errno(libc::EINVAL));
        }
        let abi = match runtime.abi() {
            Some(abi) => abi,
            // Their default paths apart, the libcs differ in what is not given.
            None if facts.is_null() && attrp.is_null() => Libc::Glibc,
            None => return Err(Errno(libc::ENOSYS)),
        };
        if args.has(PIDFD_SPAWN_SEARCH | PIDFD_SPAWN_SEARCH_ENVP) {
            arguments.spawn_searching(abi, args)
        } else {
            arguments.spawn_extended(abi, Program::Path(file), args)
        }
    })
}

impl Arguments {
    /// Not inlined, so that only a search takes the buffer's room on the stack.
    #[inline(never)]
    unsafe fn spawn_searching(&self, abi: Libc, args: &pidfd_spawn_args) -> Result<()> {
        let mut room = MaybeUninit::uninit();
        let buffer = SearchBuffer::in_place(&mut room);
        let path = if args.has(PIDFD_SPAWN_SEARCH) { abi.search_path() } else { abi.search_path_in(self.envp) };
        self.spawn_extended(abi, Program::Search { name: self.name, path, buffer }, args)
    }

    #[inline(never)]
    unsafe fn spawn_extended(&self, abi: Libc, program: Program, args: &pidfd_spawn_args) -> Result<()> {
        let _no_cancellation = cancel::Deferred::new();
        let mut request = self.request(abi, program, Name::Pidfd)?;
        let attributes = &mut request.attributes;
        if args.has(PIDFD_SPAWN_CGROUP) {
            if attributes.has(flag::SETCGROUP) && attributes.cgroup != args.cgroup {
                return Err(Errno(libc::EINVAL));
            }
            attributes.flags |= flag::SETCGROUP;
            attributes.cgroup = args.cgroup;
        }
        let ignored =
            if args.has(PIDFD_SPAWN_SETSIGIGNORE) { libc_abi::signals(args.ignore.cast()) } else { SignalSet::EMPTY };
        self.store(extended::spawn(&request, args, ignored)?, Name::Pidfd);
        Ok(())
    }
}
