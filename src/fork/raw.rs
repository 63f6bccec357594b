//! _Fork for a libc that has none.
//!
//! The kernel writes the child's thread ID where the libc keeps it, which is where the kernel was told to clear it;
//! robust mutexes that the parent holds do not belong to the child.  The pidfd comes with the child.

// Sound because: only the libc's own thread ID is written to, after the kernel said that it is one, and the list of
// robust mutexes that the kernel knows.
#![allow(unsafe_code)]

use super::handshake::{above_zero, above_zero_by, end};
use super::Forked;
use crate::errno::{Errno, Result};
use crate::kernel::fd::{self, OwnedFd};
use crate::kernel::uapi::{CLONE_CHILD_CLEARTID, CLONE_CHILD_SETTID, CLONE_PIDFD};
use crate::kernel::{arch, process};
use crate::libc_abi::weak;
use core::ptr;
use libc::c_int;

/// # Safety
/// As `super::fork`, with all signals but SIGSYS blocked.
pub unsafe fn fork() -> Result<Forked> {
    fork_on(weak::glibc_minor_version())
}

/// On that glibc.
pub(super) unsafe fn fork_on(glibc: Option<u32>) -> Result<Forked> {
    // In a child the call gives the parent's number there, and tells them apart by a second register, of which the
    // libc's function tells nothing.
    if cfg!(sparc) && arch::CALLS_LIBC {
        return Err(Errno(libc::ENOSYS));
    }
    let tid = process::thread_id_address().map_err(|_| Errno(libc::ENOSYS))?;
    let recorded = if tid.is_null() { keeps_no_ids(glibc) } else { ptr::read_volatile(tid) == process::gettid() };
    if !recorded || !tid.is_null() && remembers_process(glibc, tid) {
        return Err(Errno(libc::ENOSYS));
    }
    let robust = process::robust_list();
    // The kernel takes the lowest number.  Where that is 0 another one is needed, and mostly that is known before there
    // is a child: only another thread can close 0 meanwhile.
    let spare = if fd::is_open(0) {
        None
    } else {
        let own = fd::pidfd_open(process::getpid()).map_err(Errno::or_unavailable)?;
        Some(above_zero(own)?)
    };

    let mut pidfd = -1;
    let record = if tid.is_null() { 0 } else { CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID };
    let flags = CLONE_PIDFD | record | libc::SIGCHLD as u64;
    let pid = process::clone_fork(flags, &mut pidfd, tid).map_err(Errno::or_unavailable)?;
    if pid == 0 {
        if let Ok((head, size)) = robust {
            if !head.is_null() {
                (*head).next = head;
                let _ = process::set_robust_list(head, size);
            }
        }
        return Ok(Forked::Child);
    }
    if pidfd < 0 {
        end(pid);
        return Err(Errno(libc::ENOSYS));
    }
    let pidfd = OwnedFd::from_raw(pidfd);
    let named = match spare {
        Some(spare) => above_zero_by(pidfd, spare),
        None => above_zero(pidfd),
    };
    named.map(Forked::Parent).map_err(|error| {
        end(pid);
        error
    })
}

/// Before 2.34 glibc tells the kernel of no thread ID unless its libpthread is in the process; without that nothing
/// goes by the record.  Before 2.25 getpid and raise kept numbers of their own all the same.
fn keeps_no_ids(glibc: Option<u32>) -> bool {
    glibc.map_or(false, |minor| minor >= 25)
}

/// With libpthread those numbers are the thread ID and, behind it, the process ID.  Only glibc's own fork renews the
/// latter, so a child would take itself for its parent.  A static program need not hold its glibc's version.
unsafe fn remembers_process(glibc: Option<u32>, tid: *const c_int) -> bool {
    glibc.map_or_else(|| ptr::read_volatile(tid.add(1)) == process::getpid(), |minor| minor < 25)
}
