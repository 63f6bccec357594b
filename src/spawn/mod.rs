//! The parent's half of pidfd_spawn and pidfd_spawnp.
//!
//! The child shares the caller's memory and the caller is suspended until the child has exec'd or is gone
//! (CLONE_VM | CLONE_VFORK): nothing is copied, so the cost does not grow with the caller's size.  The hazards of that,
//! and how each is met:
//!
//! 1. A signal handler of the caller that ran in the child would change the caller's memory.  The child is born without
//!    handlers (CLONE_CLEAR_SIGHAND).  Where the kernel has no such flag, all signals are blocked before the clone and
//!    the child resets its dispositions before it unblocks any.
//! 2. The child must not disturb the caller's stack.  It runs below the caller's frame, where nothing is kept
//!    (`kernel::arch::clone_calling`).
//! 3. The libc's records (errno, thread ID, cancellation, locks) are the caller's, not the child's.  The child makes
//!    system calls only and never calls the libc; the mutable memory that it shares is `Frame` alone.
//! 4. Other threads of the caller go on running.  The child uses nothing that they may be changing except what the
//!    caller must leave alone during the call anyway: its arguments and PATH.
//! 5. A child that stops before its exec would suspend the caller for as long.  Changing the foreground process group
//!    raises SIGTTOU, so signals are blocked while file actions run.
//! 6. Cancellation in the middle would lose a child and a descriptor.  The system calls here are no cancellation
//!    points, and `cancel::Deferred` keeps the asynchronous kind out.
//! 7. Error paths must not leave the child.  It is reaped through its pidfd, which cannot name another process, before
//!    the error is returned.

// Sound because: the callers of `spawn` promise valid arguments, and the frame outlives the child's use of it: the
// caller is suspended in the clone until the child has left this memory.
#![allow(unsafe_code)]

mod child;
mod clone;
mod error_pipe;
pub mod extended;
mod fallback;
mod file_actions;
mod path_search;
pub mod probe;

use crate::errno::{Errno, Result};
use crate::kernel::fd::OwnedFd;
use crate::kernel::process;
use crate::kernel::uapi::SignalSet;
use crate::libc_abi::{flag, Attributes, FileActions};
use core::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use libc::{c_char, c_int, c_void, pid_t};

use error_pipe::ChildEnd;
use extended::Extension;
pub use path_search::{Program, SearchBuffer};

/// What to start and how.
pub struct Request<'a> {
    pub program: Program<'a>,
    pub actions: FileActions,
    pub attributes: Attributes,
    pub argv: *const *mut c_char,
    pub envp: *const *mut c_char,
    /// Whether a pidfd is asked for, which takes a free descriptor.
    pub wants_pidfd: bool,
}

/// What was started.
#[derive(Debug)]
pub struct Child {
    pub pidfd: Option<OwnedFd>,
    /// Refers to the child until somebody has waited for it.
    pub pid: pid_t,
}

/// Who takes the caller's signal handlers out of the child.
#[derive(Clone, Copy, PartialEq, Eq)]
enum HandlerReset {
    /// The child is born without handlers, with the caller's mask.
    ByKernel,
    /// The child is born with the caller's dispositions and all signals blocked.
    ByChild {
        /// The caller's mask.
        mask: SignalSet,
        /// The signals that have a handler, if that is known.
        handlers: Option<SignalSet>,
    },
}

/// The memory that parent and child both use.
struct Frame<'a> {
    request: &'a Request<'a>,
    extension: Option<&'a Extension<'a>>,
    handler_reset: HandlerReset,
    /// Where the child reports its error if it got a copy of this memory.
    error_pipe: ChildEnd,
    /// Written by the kernel, before the child runs.
    pidfd: AtomicI32,
    /// Written by the child, first of all: if the parent does not see it, the child got a copy of this memory, or was
    /// killed at once.
    reached: AtomicBool,
    /// Written by the child: why it did not become the program; 0 while it has not failed.
    error: AtomicI32,
}

impl<'a> Frame<'a> {
    fn new(request: &'a Request<'a>, handler_reset: HandlerReset, error_pipe: ChildEnd) -> Self {
        let reached = AtomicBool::new(false);
        let (pidfd, error) = (AtomicI32::new(NO_PIDFD), AtomicI32::new(0));
        Frame { request, extension: None, handler_reset, error_pipe, pidfd, reached, error }
    }

    /// Where the kernel stores the pidfd.
    fn pidfd_address(&self) -> *mut c_int {
        &self.pidfd as *const AtomicI32 as *mut c_int
    }

    fn address(&self) -> *const c_void {
        (self as *const Self).cast()
    }

    /// The descriptor that the kernel stored, the receiver's to close.
    unsafe fn take_pidfd(&self) -> Option<OwnedFd> {
        match self.pidfd.load(Ordering::Relaxed) {
            NO_PIDFD => None,
            pidfd => Some(OwnedFd::from_raw(pidfd)),
        }
    }
}

const NO_PIDFD: c_int = -1;

/// Whether the child became the program.  If not, it is on its way out and is waited for.
fn outcome(pidfd: Option<OwnedFd>, pid: pid_t, error: c_int) -> Result<Child> {
    if error == 0 {
        return Ok(Child { pidfd, pid });
    }
    match pidfd.map(|pidfd| process::reap(pidfd.raw())) {
        Some(Ok(()) | Err(Errno(libc::ECHILD))) => {}
        _ => {
            let _ = process::reap_pid(pid);
        }
    }
    Err(Errno(error))
}

/// A sandbox does not change its mind, so the way that it refused is not tried again.
static CLONE3_IS_REFUSED: AtomicBool = AtomicBool::new(false);

/// Starts the program; an error means that there is no child.
///
/// # Safety
/// The request's pointers are what execve takes, and its actions and attributes are valid; all stay unchanged during
/// the call.
pub unsafe fn spawn(request: &Request) -> Result<Child> {
    // clone has no room for a cgroup.
    let wants_cgroup = request.attributes.has(flag::SETCGROUP);
    if wants_cgroup && request.attributes.cgroup < 0 {
        return Err(Errno(if process::knows_clone3() { libc::EINVAL } else { libc::EOPNOTSUPP }));
    }
    if wants_cgroup || !CLONE3_IS_REFUSED.load(Ordering::Relaxed) {
        match clone::by_clone3(request, None) {
            Ok(outcome) => return outcome,
            Err(error) if !clone::is_refusal(error, wants_cgroup) => return Err(error),
            Err(_) if wants_cgroup => return Err(Errno(libc::EOPNOTSUPP)),
            Err(_) => CLONE3_IS_REFUSED.store(true, Ordering::Relaxed),
        }
    }
    fallback::spawn(request, None)
}
