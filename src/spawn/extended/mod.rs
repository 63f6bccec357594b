//! pidfd_spawn_ext: what programs otherwise fork for.
//!
//! `args` is what the caller asks for, `child` the child's half, `cgroup` and `close_on_exec` are the two larger things
//! that it does.  A child that changes its user is made in another way, so that it cannot endanger the caller:
//! `user_change` is the parent's half of that, `dumpable` the flag of the shared memory that the kernel takes away.

// Sound because: as in `spawn`.
#![allow(unsafe_code)]

pub mod args;
mod cgroup;
pub(super) mod child;
mod close_on_exec;
mod dumpable;
mod user_change;

use super::{clone, fallback, Child, Request, CLONE3_IS_REFUSED};
use crate::errno::{Errno, Result};
use crate::kernel::uapi::{SignalSet, CLONE_AUTOREAP, CLONE_NNP, CLONE_PIDFD_AUTOKILL};
use crate::kernel::{fd, process};
use crate::libc_abi::{flag, Attributes};
use args::*;
use core::cell::Cell;
use core::sync::atomic::Ordering;
use libc::{c_int, pid_t};
use user_change::UserChange;

/// What the child does besides.
pub struct Extension<'a> {
    pub args: &'a pidfd_spawn_args,
    pub ignored: SignalSet,
    /// The caller, if the child has to know whether it is still there.
    caller: Option<pid_t>,
    /// Whether the child moves into its cgroup, rather than being born there.
    moves: Cell<bool>,
    user_change: Option<&'a UserChange>,
    /// Whether the child's memory, shared or copied, is the caller's and nothing for the new user.
    hides_memory: bool,
}

impl Extension<'_> {
    /// The flags of clone3 alone.
    pub(super) fn clone_flags(&self) -> u64 {
        let args = self.args;
        let mut flags = 0;
        if self.is_reaped_by_kernel() {
            flags |= CLONE_AUTOREAP;
        }
        if args.has(PIDFD_SPAWN_KILL_ON_CLOSE) {
            flags |= CLONE_PIDFD_AUTOKILL;
            if args.has(PIDFD_SPAWN_NO_NEW_PRIVS) {
                flags |= CLONE_NNP;
            }
        }
        flags
    }

    /// The same for a child that changes its user.  Member by member: for a whole one the compiler may call the libc's
    /// memcpy.
    fn with_change<'a>(&'a self, user_change: Option<&'a UserChange>) -> Extension<'a> {
        let moves = Cell::new(self.moves.get());
        let Extension { args, ignored, caller, .. } = *self;
        Extension { args, ignored, caller, moves, user_change, hides_memory: true }
    }

    /// What the parent is sent when the child ends.
    pub(super) fn exit_signal(&self) -> c_int {
        if self.is_reaped_by_kernel() {
            0
        } else {
            libc::SIGCHLD
        }
    }

    fn is_reaped_by_kernel(&self) -> bool {
        self.args.has(PIDFD_SPAWN_AUTOREAP | PIDFD_SPAWN_KILL_ON_CLOSE)
    }

    /// The child's step before it gets new IDs, for the kernel clears the memory's flag only if its effective ones
    /// change; and when it has them, for by a sysctl the kernel can then set a value that still permits a core dump, or
    /// a trace.
    fn hide_memory(&self) {
        if self.hides_memory {
            process::set_dumpable(process::NOT_DUMPABLE);
        }
    }

    pub(super) fn is_born_in_cgroup(&self, attributes: &Attributes) -> bool {
        attributes.has(flag::SETCGROUP) && !self.moves.get()
    }
}

/// Starts the program; an error means that there is no child.
///
/// # Safety
/// As `super::spawn`, and the arguments' arrays are as long as their counts say.
pub unsafe fn spawn(request: &Request, args: &pidfd_spawn_args, ignored: SignalSet) -> Result<Child> {
    let attributes = &request.attributes;
    if attributes.has(flag::SETCGROUP) && attributes.cgroup < 0 {
        return Err(Errno(libc::EINVAL));
    }
    if args.has(PIDFD_SPAWN_SETCTTY) && !attributes.has(flag::SETSID) {
        return Err(Errno(libc::EINVAL));
    }
    if args.has(PIDFD_SPAWN_PDEATHSIG) && args.has(PIDFD_SPAWN_SETUID) {
        // The kernel sends the signal as the caller would.
        let [real, effective, _] = process::user_ids()?;
        if args.uid != real && args.uid != effective && !process::capabilities()?.kill {
            return Err(Errno(libc::EPERM));
        }
    }
    let caller = if args.has(PIDFD_SPAWN_PDEATHSIG) { Some(process::getpid()) } else { None };
    let moves = Cell::new(false);
    let extension = Extension { args, ignored, caller, moves, user_change: None, hides_memory: false };
    if !changes_user(args, attributes) {
        return suspended(request, &extension);
    }
    match user_change::spawn(request, &extension) {
        // What only clone3 could do needs no descriptor to be known.
        Err(Errno(libc::EMFILE | libc::ENFILE))
            if attributes.has(flag::SETCGROUP)
                && !args.has(PIDFD_SPAWN_CGROUP_MAY_MOVE)
                && !process::knows_clone3() =>
        {
            Err(Errno(libc::EOPNOTSUPP))
        }
        made => made,
    }
}

/// With the caller suspended until the child has left its memory.
unsafe fn suspended(request: &Request, extension: &Extension) -> Result<Child> {
    by_either(
        request,
        extension,
        || clone::by_clone3(request, Some(extension)),
        || fallback::spawn(request, Some(extension)),
    )
}

/// By clone3, or by clone where that is refused and not needed.
fn by_either<T>(
    request: &Request,
    extension: &Extension,
    by_clone3: impl Fn() -> Result<Result<T>>,
    by_clone: impl Fn() -> Result<T>,
) -> Result<T> {
    loop {
        let wants_cgroup = extension.is_born_in_cgroup(&request.attributes);
        let clone3_alone = extension.is_reaped_by_kernel();
        if !wants_cgroup && !clone3_alone && CLONE3_IS_REFUSED.load(Ordering::Relaxed) {
            return by_clone();
        }
        match by_clone3() {
            Ok(outcome) => return outcome,
            Err(error) if !clone::is_refusal(error, wants_cgroup) => return Err(error),
            // What the kernel says of a caller that may not do without no_new_privs; a sandbox refuses every clone3.
            Err(Errno(libc::EPERM)) if extension.args.has(PIDFD_SPAWN_KILL_ON_CLOSE) && process::knows_clone3() => {
                return Err(Errno(libc::EPERM))
            }
            Err(_) if clone3_alone => return Err(Errno(libc::EOPNOTSUPP)),
            Err(_) if wants_cgroup && !extension.args.has(PIDFD_SPAWN_CGROUP_MAY_MOVE) => {
                return Err(Errno(libc::EOPNOTSUPP))
            }
            Err(_) if wants_cgroup => extension.moves.set(true),
            Err(_) => CLONE3_IS_REFUSED.store(true, Ordering::Relaxed),
        }
    }
}

/// Whether the program may run with other IDs than the caller has.  Supplementary groups alone leave the kernel's mind
/// on the memory unchanged.
fn changes_user(args: &pidfd_spawn_args, attributes: &Attributes) -> bool {
    args.has(PIDFD_SPAWN_SETUID | PIDFD_SPAWN_SETGID)
        || attributes.has(flag::RESETIDS) && has_several_ids(process::user_pair(), fd::file_system_ids())
}

/// Whether the user or the group has several IDs: a real and another effective one, or, as far as it is known, one by
/// which files are opened.
fn has_several_ids(users: [u32; 2], [user, group]: [Option<u32>; 2]) -> bool {
    let differ = |[real, effective]: [u32; 2], for_files: Option<u32>| {
        real != effective || for_files.unwrap_or(effective) != effective
    };
    differ(users, user) || differ(process::group_pair(), group)
}
