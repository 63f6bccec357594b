//! Keeps thread cancellation out of a call that owns a child or a descriptor.
//!
//! The engine has no cancellation point, so it is enough that a request is not acted upon asynchronously; only the
//! handlers that pidfd_fork runs are foreign code.  The *type* is changed rather than the state, because giving the
//! type back acts on a request that came in between, in glibc and in musl; giving the state back does not in musl,
//! and in glibc the thread's exit value is then lost.

// Sound because: the libc's functions take an int and a place for one.
#![allow(unsafe_code)]

use crate::kernel::signal;
use crate::kernel::uapi::{SIG_DFL, SIG_IGN};
use crate::libc_abi::Libc;
use libc::c_int;

extern "C" {
    fn pthread_setcanceltype(kind: c_int, old: *mut c_int) -> c_int;
    fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
}

// The same numbers in both libcs.
const PTHREAD_CANCEL_DEFERRED: c_int = 0;
const PTHREAD_CANCEL_DISABLE: c_int = 1;

/// Until this goes out of scope, which gives the caller's type back, only a cancellation point acts on a request.
pub struct Deferred(c_int);

impl Deferred {
    pub fn new() -> Self {
        let mut before = 0;
        // SAFETY: the libc writes one int.
        unsafe { pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &mut before) };
        Deferred(before)
    }
}

impl Drop for Deferred {
    fn drop(&mut self) {
        if self.0 != PTHREAD_CANCEL_DEFERRED {
            let mut ours = 0;
            // SAFETY: the type is one that the libc gave; the libc writes one int.
            unsafe { pthread_setcanceltype(self.0, &mut ours) };
        }
    }
}

/// Until this goes out of scope, no request acts on the thread even though foreign code runs, which may hold
/// cancellation points: the handlers of pthread_atfork.
pub struct AroundHandlers {
    /// The caller's state, if it had to be changed.
    before: Option<c_int>,
    /// Given back last, so that the state's return acts on nothing.
    _deferred: Deferred,
}

impl AroundHandlers {
    /// Changing the state writes to the thread's record, and restoring it after a fork copies that page, which costs
    /// more than all else that a pidfd adds to a fork.  So it is left alone where no request can come: the caller is
    /// the only thread, and nobody in the process has ever requested a cancellation.
    pub fn new(only_thread: bool, abi: Option<Libc>) -> Self {
        let _deferred = Deferred::new();
        let mut state = 0;
        let before = if only_thread && !was_ever_requested(abi) {
            None
        } else {
            // SAFETY: the libc writes one int.
            unsafe { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &mut state) };
            Some(state)
        };
        AroundHandlers { before, _deferred }
    }
}

impl Drop for AroundHandlers {
    fn drop(&mut self) {
        if let Some(before) = self.before {
            let mut ours = 0;
            // SAFETY: the state is one that the libc gave; the libc writes one int.
            unsafe { pthread_setcancelstate(before, &mut ours) };
        }
    }
}

/// Both libcs start using a signal of theirs with the first request (glibc before 2.34 earlier).  It can be ignored
/// before that: glibc's posix_spawn leaves its own signals ignored in the program.
fn was_ever_requested(abi: Option<Libc>) -> bool {
    let signal = match abi {
        Some(Libc::Glibc) => 32,
        Some(Libc::Musl) => 33,
        None => return true,
    };
    !matches!(signal::disposition(signal), Ok(action) if matches!(action.handler, SIG_DFL | SIG_IGN))
}
