//! The parent's half of a spawn whose child changes its user.
//!
//! The child shares the caller's memory while it already belongs to somebody else, which endangers the caller:
//!
//! 1. A process of the new user may stop the child, and a caller that is suspended until the child's exec
//!    (CLONE_VFORK) would stay so until somebody continues it.  So the caller is not suspended: it waits for the word
//!    that the kernel clears when the child leaves the memory, wakes the child from time to time, and kills it in the
//!    end.  The child has a stack of its own within this frame meanwhile, and no signal handler runs in the caller.
//! 2. The kernel clears the memory's dumpable flag, for the caller as well: see `dumpable`.
//! 3. With the flag given back, a process of the new user might trace the child and read the caller's memory through
//!    it.  The word is cleared a moment *before* the child leaves.  So the child has a saved group ID that is not the
//!    program's until its exec, which sets it to the effective one: nobody without privileges may trace a process any
//!    of whose IDs is another than his own.
//!
//! Where the child can have no other saved group ID, the memory is copied as by fork: nothing that the kernel tells
//! comes late enough to give the flag back by.  So it is where the child begins in a cgroup: when that has no memory
//! left, which its processes can bring about, the kernel chooses one, other than a child by vfork, and kills all that
//! share its memory; where the flag has the value that only the kernel gives; where the child would be process 1 of a
//! PID namespace, and without clone3 nobody knows whether it shares the memory; and where it calls the libc, whose
//! errno would be the caller's.  Nothing of this is needed under emulators that copy the memory anyway.

// Sound because: this function does not return before the child has left the memory, so its frame outlives the child's
// stack and everything that the child refers to.
#![allow(unsafe_code)]

use super::args::{pidfd_spawn_args, PIDFD_SPAWN_SETGID};
use super::dumpable::Kept;
use super::{by_either, Extension};
use crate::errno::{Errno, Result};
use crate::kernel::fd::{self, OwnedFd};
use crate::kernel::uapi::{SignalSet, CLONE_VM};
use crate::kernel::{arch, process, signal};
use crate::libc_abi::{flag, Attributes};
use crate::spawn::error_pipe::{ChildEnd, ErrorPipe};
use crate::spawn::{clone, fallback, outcome, probe, Child, Frame, HandlerReset, Request};
use core::cell::Cell;
use core::mem::MaybeUninit;
use core::ptr::addr_of_mut;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use libc::{c_void, gid_t, pid_t};

/// What parent and child tell each other.
pub struct UserChange {
    /// Not 0 while the child uses the memory.
    memory: AtomicU32,
    /// Whether a process of another user can hold the child up by signals.
    exposed: AtomicBool,
    /// Whether that is so although the file actions are still to come, or going on.
    early: AtomicBool,
    saved_groups: SavedGroups,
    /// Whether they cannot be those.
    unprotected: AtomicBool,
}

/// What the child's saved group ID has to be set to, so that it is not the effective one.
#[derive(Clone, Copy, Default)]
struct SavedGroups {
    /// Before POSIX_SPAWN_RESETIDS.
    early: Option<gid_t>,
    /// Before the change of the user; with the other group IDs, if they are set.
    late: Option<gid_t>,
    /// One of these that is none of the caller's, so that the user namespace need not have it; else the caller's own,
    /// if the group IDs are not asked for: a sandbox may refuse to set any.
    tried: Option<gid_t>,
}

impl UserChange {
    fn new(saved_groups: SavedGroups) -> Self {
        let [exposed, early, unprotected] = [AtomicBool::new(false), AtomicBool::new(false), AtomicBool::new(false)];
        UserChange { memory: AtomicU32::new(1), exposed, early, saved_groups, unprotected }
    }

    /// The word that the kernel clears.
    pub fn memory_is_used(&self) -> &AtomicU32 {
        &self.memory
    }

    /// The child's step before all that others can notice: whoever may set any group ID can set it again.
    pub fn try_group(&self) -> Result<()> {
        self.protect(self.saved_groups.tried)
    }

    /// The child's step before it changes any of its IDs.
    pub fn begin(&self) -> Result<()> {
        self.protect(self.saved_groups.early)
    }

    /// The child's step to its group IDs, if they are to be set, before its user IDs.
    pub fn setgid(&self, group: Option<gid_t>) -> Result<()> {
        match (group, self.saved_groups.late) {
            (Some(group), None) => process::setgid(group),
            (None, saved) => self.protect(saved),
            (Some(group), Some(saved)) => match process::setresgid(group, group, saved) {
                // One of the two is none of the user namespace.
                Err(error @ Errno(libc::EINVAL)) => self.protect(Some(saved)).and(Err(error)),
                result => result,
            },
        }
    }

    /// Nobody asked for that ID, so the call does not fail for it.
    fn protect(&self, saved: Option<gid_t>) -> Result<()> {
        let result = saved.map_or(Ok(()), process::set_saved_gid);
        self.unprotected.store(result.is_err(), Ordering::Relaxed);
        result
    }

    /// The child's step before a change of its IDs; whether the file actions come after.
    pub fn expose(&self, early: bool) {
        self.early.store(early, Ordering::Relaxed);
        self.exposed.store(true, Ordering::Relaxed);
    }

    /// The child's step before its file actions, which take as long as they take.
    pub fn begin_actions(&self) {
        self.early.store(true, Ordering::Relaxed);
    }

    fn is_early(&self) -> bool {
        self.early.load(Ordering::Relaxed)
    }
}

/// How often the child is looked after, in milliseconds.
const TICK: u32 = 20;

/// Looks after a child that a process of another user can stop.
#[derive(Default)]
struct Watch {
    /// For so many milliseconds it was stopped,
    stopped: u32,
    /// and for so many it was at steps that are brief unless something holds it up, as the last one before the exec is.
    brief_steps: u32,
}

impl Watch {
    const MOST_STOPPED: u32 = 1_000;
    /// Longer, for another thread can have taken the news of a stop, and an exec can be slow.
    const MOST_BRIEF_STEPS: u32 = 10_000;
    const UNSEEN_STOP: u32 = 500;

    fn look(&mut self, pidfd: &OwnedFd, pid: pid_t, milliseconds: u32, is_brief: bool) {
        let is_stopped = process::is_stopped(pidfd.raw());
        if is_stopped {
            self.stopped += milliseconds;
        }
        if is_brief {
            self.brief_steps += milliseconds;
        }
        let signal = if self.stopped >= Self::MOST_STOPPED || self.brief_steps >= Self::MOST_BRIEF_STEPS {
            libc::SIGKILL
        } else if is_stopped || is_brief && self.brief_steps % Self::UNSEEN_STOP == 0 {
            libc::SIGCONT
        } else {
            return;
        };
        // Older sandboxes know only the other call.
        if process::pidfd_send_signal(pidfd.raw(), signal).is_err() && process::is_child_number(pid) {
            let _ = process::kill(pid, signal);
        }
    }
}

/// The child needs less than two kilobytes of it.
const STACK_SIZE: usize = if cfg!(any(debug_assertions, large_frames, target_arch = "sparc64")) { 8192 } else { 4096 };

/// Some calling conventions have a function save registers above the stack pointer that it gets.  That of sparc64 is
/// 2047 less than the address of what is above it.
const HEADROOM: usize = if cfg!(target_arch = "sparc64") { 256 + 2047 } else { 256 };

#[repr(align(16))]
struct Stack([u8; STACK_SIZE]);

/// # Safety
/// As `super::spawn`.
#[cold]
#[inline(never)]
pub unsafe fn spawn(request: &Request, extension: &Extension) -> Result<Child> {
    let shares_memory = fallback::shares_memory()?;
    if shares_memory == Some(false) {
        return super::suspended(request, extension);
    }
    // Given back last: a handler of the caller need not return.
    let blocked = signal::Blocked::all_but_sigsys();
    let flag = Kept::new()?;
    let mut protection = match Protection::choose(extension.args, &request.attributes)? {
        Protection::Copy if !flag.is_open() => Protection::Unneeded,
        chosen => chosen,
    };
    let has_cgroup = request.attributes.has(flag::SETCGROUP);
    if has_cgroup || shares_memory.is_none() || arch::CALLS_LIBC || !flag.can_be_given_back() {
        protection = Protection::Copy;
    }
    let saved_groups = match protection {
        Protection::Copy => return copied(request, &extension.with_change(None), &blocked, flag),
        Protection::Unneeded => SavedGroups::default(),
        Protection::SavedGroups(groups) => groups,
    };
    let change = UserChange::new(saved_groups);
    let extension = extension.with_change(Some(&change));
    let is_refused = Cell::new(false);
    let result = by_either(
        request,
        &extension,
        || beside_caller(request, &extension, &blocked, true),
        || {
            let made = beside_caller(request, &extension, &blocked, false);
            is_refused.set(matches!(made, Err(Errno(libc::ENOSYS))));
            made?
        },
    );
    // An ID that the user namespace does not have, or a sandbox that refuses it; or the children are to be in another
    // time namespace: they share no memory, unless the caller is suspended.
    if change.unprotected.load(Ordering::Relaxed) || is_refused.get() {
        return copied(request, &extension.with_change(None), &blocked, flag);
    }
    result
}

unsafe fn copied(request: &Request, extension: &Extension, blocked: &signal::Blocked, flag: Kept) -> Result<Child> {
    // The child hides its own.
    drop(flag);
    by_either(
        request,
        extension,
        || with_copy(request, extension, blocked, true),
        || with_copy(request, extension, blocked, false)?,
    )
}

fn handler_reset(blocked: &signal::Blocked, by_clone3: bool) -> HandlerReset {
    if by_clone3 {
        HandlerReset::ByChild { mask: blocked.before(), handlers: Some(SignalSet::EMPTY) }
    } else {
        fallback::handler_reset(blocked)
    }
}

/// As in the fallback.
unsafe fn clone_with_sigsys_blocked(
    frame: &Frame,
    flags: u64,
    stack: *mut c_void,
    blocked: &signal::Blocked,
) -> Result<pid_t> {
    blocked.completely();
    let made = fallback::clone(frame, flags, stack, super::child::main);
    blocked.but_sigsys();
    made
}

/// The outer result is that of clone3 or clone, the inner one the child's.
#[inline(never)]
unsafe fn with_copy(
    request: &Request,
    extension: &Extension,
    blocked: &signal::Blocked,
    by_clone3: bool,
) -> Result<Result<Child>> {
    let pipe = match ErrorPipe::new() {
        Ok(pipe) => pipe,
        Err(error) => return Ok(Err(error)),
    };
    let handler_reset = handler_reset(blocked, by_clone3);
    let frame = Frame { extension: Some(extension), ..Frame::new(request, handler_reset, pipe.child_end()) };
    let pid = if by_clone3 {
        clone::unsuspended(&frame, extension, process::CALLERS_STACK)?
    } else {
        clone_with_sigsys_blocked(&frame, 0, process::CALLERS_STACK, blocked)?
    };
    let pidfd = match frame.take_pidfd() {
        Some(pidfd) => pidfd,
        None => return Ok(Err(fallback::end(pid, Errno(libc::ENOSYS)))),
    };
    let mut watch = Watch::default();
    // Which may be another user's to freeze.
    let has_cgroup = request.attributes.has(flag::SETCGROUP);
    let error = pipe.receive_watching(pidfd.raw(), has_cgroup, |milliseconds, is_brief| {
        watch.look(&pidfd, pid, milliseconds, is_brief);
    });
    // While the pipe was open, the lowest numbers may have been the pipe's.
    Ok(outcome(Some(fd::at_lowest_number(pidfd)), pid, error))
}

/// As `with_copy`.
#[inline(never)]
unsafe fn beside_caller(
    request: &Request,
    extension: &Extension,
    blocked: &signal::Blocked,
    by_clone3: bool,
) -> Result<Result<Child>> {
    let handler_reset = handler_reset(blocked, by_clone3);
    let frame = Frame { extension: Some(extension), ..Frame::new(request, handler_reset, ChildEnd::none()) };
    let mut room = MaybeUninit::<Stack>::uninit();
    let stack = addr_of_mut!((*room.as_mut_ptr()).0).cast::<u8>().add(STACK_SIZE - HEADROOM).cast();
    let pid = if by_clone3 {
        clone::unsuspended(&frame, extension, stack)?
    } else {
        clone_with_sigsys_blocked(&frame, CLONE_VM, stack, blocked)?
    };
    let pidfd = match frame.take_pidfd() {
        Some(pidfd) => pidfd,
        None => return Ok(Err(fallback::end(pid, Errno(libc::ENOSYS)))),
    };
    await_departure(extension, &pidfd, pid);
    if !frame.reached.load(Ordering::Relaxed) && process::ends_by_exiting(pidfd.raw()) {
        // The memory was copied although there is clone3; such a child leaves without having done anything.
        fallback::forget_sharing();
        return Ok(Err(fallback::end(pid, Errno(libc::ENOSYS))));
    }
    Ok(outcome(Some(pidfd), pid, frame.error.load(Ordering::Relaxed)))
}

/// Waits until the child has left the memory, by its exec or its end.
fn await_departure(extension: &Extension, pidfd: &OwnedFd, pid: pid_t) {
    let change = match extension.user_change {
        Some(change) => change,
        None => return,
    };
    let mut watch = Watch::default();
    while change.memory.load(Ordering::Acquire) != 0 {
        let milliseconds = match process::wait_for_change(&change.memory, 1, TICK * 1_000_000) {
            Err(Errno(libc::ETIMEDOUT)) => TICK,
            Ok(_) | Err(Errno(libc::EAGAIN | libc::EINTR)) => continue,
            // Nothing can be waited for in such a sandbox.
            Err(_) => process::nap(),
        };
        // Killed before its first step.
        if process::has_ended(pidfd.raw()) {
            return;
        }
        // A change of the IDs that comes before the file actions says nothing of how long those may take.
        if change.exposed.load(Ordering::Relaxed) {
            watch.look(pidfd, pid, milliseconds, !change.is_early());
        }
    }
}

/// What keeps a process of the new user from reading the memory when the flag is back and the child not yet gone.
enum Protection {
    Unneeded,
    SavedGroups(SavedGroups),
    Copy,
}

impl Protection {
    fn choose(args: &pidfd_spawn_args, attributes: &Attributes) -> Result<Self> {
        let own = process::group_ids()?;
        let [real, mut effective, mut saved] = own;
        let sets = args.has(PIDFD_SPAWN_SETGID);
        let mut groups = SavedGroups::default();
        let mut is_possible = true;
        if attributes.has(flag::RESETIDS) {
            if saved == real {
                // One that may then be set is none that the caller may not have, either.
                let asked_for = if sets { args.gid } else { real };
                groups.early = other_than([real, asked_for], own)?;
                is_possible = groups.early.is_some();
                saved = groups.early.unwrap_or(saved);
            }
            effective = real;
        }
        let last = if sets { args.gid } else { effective };
        if sets || saved == last {
            groups.late = other_than([last, last], [saved, effective, real])?;
            is_possible &= groups.late.is_some();
        }
        if is_possible {
            let mut wanted = [groups.early, groups.late].into_iter().flatten();
            groups.tried = wanted.find(|group| !own.contains(group)).or(if sets { None } else { Some(own[2]) });
            // The child that tries may be spent on that, and files are opened by another group ID afterwards.
            is_possible = groups.tried.is_none()
                || process::file_system_gid() == Some(own[1]) && probe::would_be_process_1() != Some(true);
        }
        if is_possible {
            return Ok(Protection::SavedGroups(groups));
        }
        // Without capabilities, the only IDs to change to are one's own.
        let has_capabilities = process::capabilities()?.any;
        let [real, effective, saved] = process::user_ids()?;
        let has_one_identity = real == effective && effective == saved;
        Ok(if has_one_identity && !has_capabilities { Protection::Unneeded } else { Protection::Copy })
    }
}

/// A group ID that the process may have and that is none of these: one of its own, for which it needs no privilege.
fn other_than(groups: [gid_t; 2], own: [gid_t; 3]) -> Result<Option<gid_t>> {
    /// Read of an ID that the user namespace has no number for, by the kernel's default.
    const OVERFLOW: gid_t = 65534;
    let is_other = |other: &gid_t| !groups.contains(other) && *other != OVERFLOW;
    if let Some(other) = own.into_iter().find(is_other) {
        return Ok(Some(other));
    }
    let may_set_any = process::capabilities()?.setgid;
    Ok([0, 1, 2].into_iter().find(is_other).filter(|_| may_set_any))
}
