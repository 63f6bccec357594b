//! A child that ends at once, without a signal to anybody, to see what the kernel makes of children.

// Sound because: the caller is suspended while the child uses its memory, and the child does nothing but set a mark.
#![allow(unsafe_code)]

use crate::errno::{Errno, Result};
use crate::kernel::fd::{self, OwnedFd};
use crate::kernel::uapi::{CLONE_PIDFD, CLONE_VFORK, CLONE_VM};
use crate::kernel::{process, signal};
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use libc::{c_int, c_void};

/// The child after it was waited for.
pub struct Ended {
    pub pidfd: Option<OwnedFd>,
    /// Whether it shared the caller's memory, as it was asked to.
    pub shared_memory: bool,
}

struct Frame {
    reached: AtomicBool,
    pidfd: AtomicI32,
}

/// Whether the next child would be process 1 of a PID namespace, with whose end no other could start; nothing where
/// procfs does not tell.
pub fn would_be_process_1() -> Option<bool> {
    const OF_CHILDREN: &[u8] = b"/proc/thread-self/ns/pid_for_children\0";
    let (mut own, mut of_children) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    let own = match fd::short_link(&mut own, b"/proc/thread-self/ns/pid\0") {
        Ok(name) => name,
        Err(_) => return None,
    };
    match fd::short_link(&mut of_children, OF_CHILDREN) {
        // Before Linux 7.2 there is no name while the namespace has no process.
        Err(Errno(libc::ENOENT)) => Some(true),
        Err(_) => None,
        // Nearly always: nothing more need be asked, which valgrind takes for a mistake.
        Ok(name) if name.iter().zip(own).all(|(a, b)| a == b) => Some(false),
        Ok(_) => fd::open_read_only(OF_CHILDREN).ok().map(|namespace| fd::is_without_process_1(namespace.raw())),
    }
}

pub fn end_one() -> Result<Ended> {
    let frame = Frame { reached: AtomicBool::new(false), pidfd: AtomicI32::new(-1) };
    let flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD;
    let pidfd = &frame.pidfd as *const AtomicI32 as *mut c_int;
    // The caller's handlers are not for the child, nor is that of SIGSYS, which is open else.
    let blocked = signal::Blocked::all_but_sigsys();
    // SAFETY: the frame outlives the child, and the descriptor is new.
    unsafe {
        let make = |flags| {
            blocked.completely();
            let made = process::clone(flags, process::CALLERS_STACK, pidfd, main, (&frame as *const Frame).cast());
            blocked.but_sigsys();
            made
        };
        let pid = match make(flags) {
            // qemu-user knows no child that ends without a signal.
            Err(Errno(libc::EINVAL)) => make(flags | libc::SIGCHLD as u64)?,
            made => made?,
        };
        // Another thread may have waited for it.
        let _ = process::reap_pid(pid);
        let pidfd = match frame.pidfd.load(Ordering::Relaxed) {
            -1 => None,
            pidfd => Some(OwnedFd::from_raw(pidfd)),
        };
        Ok(Ended { pidfd, shared_memory: frame.reached.load(Ordering::Relaxed) })
    }
}

unsafe extern "C" fn main(frame: *const c_void) -> ! {
    (*frame.cast::<Frame>()).reached.store(true, Ordering::Relaxed);
    process::exit(0)
}
