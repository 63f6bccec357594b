//! Error numbers as values, and the thread's own `errno`.

// Sound because: the only unsafe thing here is the libc's pointer to the calling thread's errno, which is valid for as
// long as the thread lives and used by no other thread.
#![allow(unsafe_code)]

use libc::c_int;

/// A positive error number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Errno(pub c_int);

impl Errno {
    /// What is told where no child could be made: a flag that the kernel does not know and the ways in which a sandbox
    /// refuses mean that the function is unavailable.
    pub fn or_unavailable(self) -> Self {
        match self.0 {
            libc::EINVAL | libc::EPERM | libc::EACCES => Errno(libc::ENOSYS),
            _ => self,
        }
    }
}

pub type Result<T> = core::result::Result<T, Errno>;

/// The calling thread's errno.
pub fn get() -> c_int {
    // SAFETY: the libc gives a valid pointer to this thread's errno.
    unsafe { *libc::__errno_location() }
}

/// Gives errno back the value that it had.  Usually it is unchanged, and then its page is not written: after a fork
/// that would copy the page.
pub fn restore(value: c_int) {
    if get() != value {
        set(value);
    }
}

/// Sets the calling thread's errno.
pub fn set(value: c_int) {
    // SAFETY: as in `get`.
    unsafe { *libc::__errno_location() = value }
}
