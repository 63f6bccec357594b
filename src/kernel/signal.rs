//! System calls on signal masks and dispositions.  The libc's functions would leave out the signals that it keeps for
//! itself, and take a lock.

// Sound because: the kernel reads and writes exactly the structures that are borrowed for the call, with their size.
#![allow(unsafe_code)]

use super::call;
use super::uapi::{KernelSigaction, SigactionFlags, SignalSet};
use crate::errno::Result;
use core::mem::{size_of, MaybeUninit};
use core::ptr;
use libc::c_int;

/// Sets the calling thread's signal mask and gives the one before.
#[inline(always)]
pub fn sigprocmask(mask: SignalSet) -> SignalSet {
    change_mask(libc::SIG_SETMASK, mask)
}

#[inline(always)]
fn change_mask(how: c_int, mask: SignalSet) -> SignalSet {
    let mut old = SignalSet::EMPTY;
    // SAFETY: the kernel reads one set and writes one.  With these arguments it cannot fail.
    let _ = unsafe {
        call!(
            libc::SYS_rt_sigprocmask,
            how,
            &mask as *const SignalSet,
            &mut old as *mut SignalSet,
            size_of::<SignalSet>()
        )
    };
    old
}

/// What happens on that signal.
pub fn disposition(signal: c_int) -> Result<Disposition> {
    let mut action = MaybeUninit::<KernelSigaction>::uninit();
    // SAFETY: the kernel writes one struct sigaction, and then it is read.
    unsafe {
        rt_sigaction(signal, ptr::null(), action.as_mut_ptr())?;
        let action = action.assume_init_ref();
        Ok(Disposition { handler: action.handler, flags: action.flags })
    }
}

/// What is asked of struct sigaction.
pub struct Disposition {
    pub handler: usize,
    pub flags: SigactionFlags,
}

/// Not on the stack, where it would have to be made first.
static DEFAULT: KernelSigaction = KernelSigaction::DEFAULT;

/// Likewise.
static IGNORE: KernelSigaction = KernelSigaction::IGNORE;

/// Gives the signal its default disposition.
pub fn set_default(signal: c_int) -> Result<()> {
    sigaction(signal, &DEFAULT)
}

pub fn set_ignored(signal: c_int) -> Result<()> {
    sigaction(signal, &IGNORE)
}

#[inline(always)]
fn sigaction(signal: c_int, action: &KernelSigaction) -> Result<()> {
    // SAFETY: the kernel reads one struct sigaction.
    unsafe { rt_sigaction(signal, action, ptr::null_mut()) }
}

/// # Safety
/// Each is NULL or such a structure.
#[inline(always)]
unsafe fn rt_sigaction(signal: c_int, new: *const KernelSigaction, old: *mut KernelSigaction) -> Result<()> {
    const SIZE: usize = size_of::<SignalSet>();
    if cfg!(sparc) {
        // The restorer is an argument there, which handlers alone need.
        call!(libc::SYS_rt_sigaction, signal, new, old, 0, SIZE).map(drop)
    } else {
        call!(libc::SYS_rt_sigaction, signal, new, old, SIZE).map(drop)
    }
}

/// Signals blocked in the calling thread, also those that the libc keeps for itself, until this goes out of scope.
pub struct Blocked(SignalSet);

impl Blocked {
    #[cfg(test)]
    pub fn all() -> Self {
        Blocked(sigprocmask(SignalSet::ALL))
    }

    /// SIGSYS stays as it is: there are sandboxes whose handler of it answers system calls, and who makes one with it
    /// blocked is killed.
    pub fn all_but_sigsys() -> Self {
        Blocked(change_mask(libc::SIG_BLOCK, SignalSet::of(&[libc::SIGSYS]).complement()))
    }

    /// SIGSYS as well.
    pub fn completely(&self) {
        sigprocmask(SignalSet::ALL);
    }

    /// SIGSYS is as it was, again.
    pub fn but_sigsys(&self) {
        sigprocmask(self.0.with(SignalSet::of(&[libc::SIGSYS]).complement()));
    }

    /// The mask before.
    pub fn before(&self) -> SignalSet {
        self.0
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        sigprocmask(self.0);
    }
}
