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
//!    it.  The word is cleared a moment *before* the child leaves.  So the child keeps its capabilities until its exec,
//!    and nobody may trace it who lacks them.  A caller that has none, or may not keep them, waits for the end of a
//!    lock on a pipe, which comes after.
//!
//! Nothing of this is needed where the child has a copy of the memory, as under some emulators.

// Sound because: this function does not return before the child has left the memory, so its frame outlives the child's
// stack and everything that the child refers to.
#![allow(unsafe_code)]

use super::dumpable::Kept;
use super::{by_either, Extension};
use crate::errno::{Errno, Result};
use crate::kernel::fd::OwnedFd;
use crate::kernel::uapi::{SignalSet, CLONE_VM};
use crate::kernel::{process, signal, status};
use crate::spawn::error_pipe::{ChildEnd, ErrorPipe};
use crate::spawn::{clone, fallback, outcome, Child, Frame, HandlerReset, Request};
use core::cell::Cell;
use core::mem::MaybeUninit;
use core::ptr::addr_of_mut;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// What parent and child tell each other.
pub struct UserChange {
    /// Not 0 while the child uses the memory.
    memory: AtomicU32,
    /// Whether a process of another user can send the child signals.
    exposed: AtomicBool,
    /// Whether that is so although the file actions are still to come.
    early: AtomicBool,
    /// Whether the parent has sent the child SIGCONT.
    continued: AtomicBool,
    keeps_capabilities: bool,
}

impl UserChange {
    fn new(keeps_capabilities: bool) -> Self {
        let [exposed, early, continued] = [AtomicBool::new(false), AtomicBool::new(false), AtomicBool::new(false)];
        UserChange { memory: AtomicU32::new(1), exposed, early, continued, keeps_capabilities }
    }

    /// The word that the kernel clears.
    pub fn memory_is_used(&self) -> &AtomicU32 {
        &self.memory
    }

    /// The child's step before it changes any of its IDs.
    pub fn begin(&self) -> Result<()> {
        if self.keeps_capabilities {
            process::keep_capabilities()?;
        }
        Ok(())
    }

    /// The child's step before a change of its IDs; whether the file actions come after.
    pub fn expose(&self, early: bool) {
        self.early.store(early, Ordering::Relaxed);
        self.exposed.store(true, Ordering::Relaxed);
    }

    /// The child's last step before it sets the program's signal mask: a SIGCONT that woke it is not for the program.
    pub fn finish(&self) -> Result<()> {
        if self.continued.load(Ordering::Relaxed) {
            signal::discard(libc::SIGCONT)?;
        }
        Ok(())
    }

    fn is_early(&self) -> bool {
        self.early.load(Ordering::Relaxed)
    }
}

/// How often the child is looked after, in nanoseconds.
const TICK: u32 = 20_000_000;

/// After so many ticks at which it was stopped, it is killed: about a second.
const MOST_STOPS: u32 = 50;

/// At each so manieth tick it is woken whatever was seen, because another thread may have taken the news.
const UNSEEN_STOP: u32 = 25;

/// After so many ticks it is killed whatever was seen, for the same reason: ten seconds.
const MOST_TICKS: u32 = 500;

/// The child needs less than two kilobytes of it.
const STACK_SIZE: usize = if cfg!(debug_assertions) { 8192 } else { 4096 };

/// Some calling conventions have a function save registers above the stack pointer that it gets.
const HEADROOM: usize = 256;

#[repr(align(16))]
struct Stack([u8; STACK_SIZE]);

/// # Safety
/// As `super::spawn`.
#[cold]
#[inline(never)]
pub unsafe fn spawn(request: &Request, mut extension: Extension) -> Result<Child> {
    if !fallback::shares_memory()? {
        return super::suspended(request, &extension);
    }
    // Given back last: a handler of the caller need not return.
    let blocked = signal::Blocked::all();
    let flag = Kept::new()?;
    let protection = if flag.is_open() { Protection::choose()? } else { Protection::Unneeded };
    let pipe = Cell::new(match protection {
        Protection::Pipe => Some(ErrorPipe::new()?),
        _ => None,
    });
    extension.user_change = Some(UserChange::new(matches!(protection, Protection::Capabilities)));
    by_either(
        request,
        &extension,
        || beside_caller(request, &extension, &pipe, &blocked, true),
        || beside_caller(request, &extension, &pipe, &blocked, false)?,
    )
}

/// The outer result is that of clone3 or clone, the inner one the child's.
#[inline(never)]
unsafe fn beside_caller(
    request: &Request,
    extension: &Extension,
    pipe: &Cell<Option<ErrorPipe>>,
    blocked: &signal::Blocked,
    by_clone3: bool,
) -> Result<Result<Child>> {
    let own_pipe = pipe.take();
    let child_end = own_pipe.as_ref().map_or(ChildEnd::none(), ErrorPipe::child_end);
    let handlers = if by_clone3 { Some(SignalSet::EMPTY) } else { status::handlers_of_only_thread() };
    let handler_reset = HandlerReset::ByChild { mask: blocked.before(), handlers };
    let frame = Frame { extension: Some(extension), ..Frame::new(request, handler_reset, child_end) };
    let mut room = MaybeUninit::<Stack>::uninit();
    let stack = addr_of_mut!((*room.as_mut_ptr()).0).cast::<u8>().add(STACK_SIZE - HEADROOM).cast();
    let made = if by_clone3 {
        clone::beside_caller(&frame, extension, stack)
    } else {
        fallback::clone(&frame, CLONE_VM, stack, super::child::main)
    };
    let pid = match made {
        Ok(pid) => pid,
        Err(error) => {
            pipe.set(own_pipe);
            return Err(error);
        }
    };
    let pidfd = match frame.take_pidfd() {
        Some(pidfd) => pidfd,
        None => return Ok(Err(fallback::end(pid, Errno(libc::ENOSYS)))),
    };
    await_departure(extension, &pidfd);
    if !frame.reached.load(Ordering::Relaxed) && process::ends_by_exiting(pidfd.raw()) {
        // The memory was copied although there is clone3; such a child leaves without having done anything.
        fallback::forget_sharing();
        return Ok(Err(fallback::end(pid, Errno(libc::ENOSYS))));
    }
    let pidfd = Some(pidfd);
    let error = match (frame.error.load(Ordering::Relaxed), own_pipe) {
        (0, Some(pipe)) => pipe.receive_departure(&pidfd),
        (error, _) => error,
    };
    Ok(outcome(pidfd, pid, error))
}

/// Waits until the child has left the memory, by its exec or its end.
fn await_departure(extension: &Extension, pidfd: &OwnedFd) {
    let change = match &extension.user_change {
        Some(change) => change,
        None => return,
    };
    let (mut looks, mut ticks, mut stops) = (0, 0, 0);
    while change.memory.load(Ordering::Acquire) != 0 {
        match process::wait_for_change(&change.memory, 1, TICK) {
            Err(Errno(libc::ETIMEDOUT)) => {}
            Ok(_) | Err(Errno(libc::EAGAIN | libc::EINTR)) => continue,
            // Nothing can be waited for in such a sandbox.
            Err(_) => process::nap(),
        }
        // Killed before its first step.
        if process::has_ended(pidfd.raw()) {
            return;
        }
        if !change.exposed.load(Ordering::Relaxed) {
            continue;
        }
        // A change of the IDs that comes before the file actions says nothing of how long those may take.
        ticks += u32::from(!change.is_early());
        let is_stopped = process::is_stopped(pidfd.raw());
        stops += u32::from(is_stopped);
        looks += 1;
        let signal = if stops >= MOST_STOPS || ticks >= MOST_TICKS {
            libc::SIGKILL
        } else if is_stopped || looks % UNSEEN_STOP == 0 {
            change.continued.store(true, Ordering::Relaxed);
            libc::SIGCONT
        } else {
            continue;
        };
        let _ = process::pidfd_send_signal(pidfd.raw(), signal);
    }
}

/// What keeps a process of the new user from reading the memory when the flag is back and the child not yet gone.
enum Protection {
    Unneeded,
    Capabilities,
    Pipe,
}

impl Protection {
    fn choose() -> Result<Self> {
        if process::has_capabilities()? {
            return Ok(match process::capabilities_can_be_kept()? {
                true => Protection::Capabilities,
                false => Protection::Pipe,
            });
        }
        // Without capabilities, the only IDs to change to are one's own.
        Ok(if process::has_one_identity()? { Protection::Unneeded } else { Protection::Pipe })
    }
}
