//! Keeps thread cancellation out of a call that owns a child or a descriptor.
//!
//! The engine has no cancellation point, so it is enough that a request is not acted upon asynchronously; only the
//! handlers that pidfd_fork runs are foreign code.  The *type* is changed rather than the state, because giving the
//! type back acts on a request that came in between, in glibc and in musl; giving the state back does not in musl,
//! and in glibc the thread's exit value is then lost.

// Sound because: the libc's functions take an int and a place for one.
#![allow(unsafe_code)]

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

/// Until this goes out of scope, not even a cancellation point acts.
pub struct Disabled {
    before: c_int,
    /// Given back last, so that the state's return acts on nothing.
    _deferred: Deferred,
}

impl Disabled {
    pub fn new() -> Self {
        let _deferred = Deferred::new();
        let mut before = 0;
        // SAFETY: the libc writes one int.
        unsafe { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &mut before) };
        Disabled { before, _deferred }
    }
}

impl Drop for Disabled {
    fn drop(&mut self) {
        let mut ours = 0;
        // SAFETY: the state is one that the libc gave; the libc writes one int.
        unsafe { pthread_setcancelstate(self.before, &mut ours) };
    }
}
