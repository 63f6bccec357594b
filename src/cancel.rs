//! Keeps thread cancellation out of a call that owns a child or a descriptor.

// Sound because: the libc's function takes an int and a place for one.
#![allow(unsafe_code)]

use libc::c_int;

extern "C" {
    fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
}

/// The same number in both libcs.
const PTHREAD_CANCEL_DISABLE: c_int = 1;

/// No cancellation acts until this goes out of scope, which gives the caller's state back.
pub struct Disabled(c_int);

impl Disabled {
    pub fn new() -> Self {
        let mut before = 0;
        // SAFETY: the libc writes one int.
        unsafe { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &mut before) };
        Disabled(before)
    }
}

impl Drop for Disabled {
    fn drop(&mut self) {
        let mut ours = 0;
        // SAFETY: the state is one that the libc gave; the libc writes one int.
        unsafe { pthread_setcancelstate(self.0, &mut ours) };
    }
}
