//! The plain path: clone3.

// Sound because: clone3 suspends the caller while the child uses the frame, and a child that got a copy of the memory
// leaves at once; the descriptor made owned is new.
#![allow(unsafe_code)]

use super::{child, outcome, Child, ChildEnd, Frame, HandlerReset, Request, NO_PIDFD};
use crate::errno::{Errno, Result};
use crate::kernel::uapi::{CloneArgs, CLONE_CLEAR_SIGHAND, CLONE_INTO_CGROUP, CLONE_PIDFD, CLONE_VFORK, CLONE_VM};
use crate::kernel::{process, zeroed};
use crate::libc_abi::flag;
use core::mem::{size_of, MaybeUninit};
use core::sync::atomic::Ordering;

/// Whether clone3 is unavailable, rather than failing for now: missing (old kernels, emulators), forbidden (seccomp),
/// without CLONE_CLEAR_SIGHAND, or with a smaller structure than ours.
pub fn is_refusal(error: Errno) -> bool {
    matches!(error.0, libc::ENOSYS | libc::EPERM | libc::EINVAL | libc::E2BIG)
}

/// The outer result is clone3's, the inner one the child's.
///
/// # Safety
/// As `spawn`.
#[inline(always)]
pub unsafe fn by_clone3(request: &Request) -> Result<Result<Child>> {
    let frame = Frame::new(request, HandlerReset::ByKernel, ChildEnd::none());
    let mut room = MaybeUninit::uninit();
    let args: &mut CloneArgs = zeroed(&mut room);
    args.flags = CLONE_VM | CLONE_VFORK | CLONE_CLEAR_SIGHAND;
    if request.wants_pidfd {
        args.flags |= CLONE_PIDFD;
        args.pidfd = frame.pidfd_address() as u64;
    }
    args.exit_signal = libc::SIGCHLD as u64;
    let mut size = CloneArgs::SIZE_WITHOUT_CGROUP;
    if request.attributes.has(flag::SETCGROUP) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = request.attributes.cgroup as u64;
        size = size_of::<CloneArgs>();
    }
    let pid = process::clone3_vfork(args, size, child::main, frame.address())?;
    if frame.reached.load(Ordering::Relaxed)
        && (frame.pidfd.load(Ordering::Relaxed) != NO_PIDFD || !request.wants_pidfd)
    {
        return Ok(outcome(frame.take_pidfd(), pid, frame.error.load(Ordering::Relaxed)));
    }
    unexpected(&frame, pid)
}

/// The call was granted, but not as it was asked for: some emulators ignore CLONE_PIDFD, some copy the memory.  A child
/// that finds no pidfd in the frame, which is so in both cases, leaves without having done anything.
#[cold]
unsafe fn unexpected(frame: &Frame, pid: libc::pid_t) -> Result<Result<Child>> {
    let pidfd = match frame.take_pidfd() {
        Some(pidfd) => pidfd,
        None if frame.request.wants_pidfd => {
            let _ = process::reap_pid(pid);
            return Ok(Err(Errno(libc::ENOSYS)));
        }
        None => return Ok(Ok(Child { pidfd: None, pid })),
    };
    if !process::ends_by_exiting(pidfd.raw()) {
        // Killed before its first step: the status tells.
        return Ok(Ok(Child { pidfd: Some(pidfd), pid }));
    }
    let _ = process::reap(pidfd.raw());
    Err(Errno(libc::ENOSYS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_from_failures() {
        for error in [libc::ENOSYS, libc::EPERM, libc::EINVAL, libc::E2BIG] {
            assert!(is_refusal(Errno(error)));
        }
        for error in [libc::EAGAIN, libc::ENOMEM, libc::EMFILE, libc::ENFILE, libc::EBADF] {
            assert!(!is_refusal(Errno(error)));
        }
    }
}
