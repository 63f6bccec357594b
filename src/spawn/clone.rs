//! The plain path: clone3.

// Sound because: clone3 suspends the caller while the child uses the frame, and a child that got a copy of the memory
// leaves at once; the descriptor made owned is new.
#![allow(unsafe_code)]

use super::extended::{self, Extension};
use super::{child, fallback, outcome, Child, ChildEnd, Frame, HandlerReset, Request, NO_PIDFD};
use crate::errno::{Errno, Result};
use crate::kernel::uapi::{CloneArgs, CLONE_CLEAR_SIGHAND, CLONE_INTO_CGROUP, CLONE_PIDFD, CLONE_VFORK, CLONE_VM};
use crate::kernel::{process, zeroed};
use crate::libc_abi::flag;
use core::mem::{size_of, MaybeUninit};
use core::sync::atomic::Ordering;
use libc::{c_void, pid_t};

/// Whether clone3 is unavailable, rather than failing for now: missing (old kernels, emulators), forbidden (seccomp),
/// without CLONE_CLEAR_SIGHAND, or with a smaller structure than ours.  EACCES can be the kernel's word on a cgroup.
pub fn is_refusal(error: Errno, wants_cgroup: bool) -> bool {
    match error.0 {
        libc::ENOSYS | libc::EPERM | libc::EINVAL | libc::E2BIG => true,
        libc::EACCES => !wants_cgroup || !process::knows_clone3(),
        _ => false,
    }
}

/// The outer result is clone3's, the inner one the child's.
///
/// # Safety
/// As `spawn`.
#[inline(always)]
pub unsafe fn by_clone3(request: &Request, extension: Option<&Extension>) -> Result<Result<Child>> {
    let frame = Frame { extension, ..Frame::new(request, HandlerReset::ByKernel, ChildEnd::none()) };
    let mut room = MaybeUninit::uninit();
    let args: &mut CloneArgs = zeroed(&mut room);
    let size = describe(args, &frame, extension);
    args.flags |= CLONE_VFORK;
    let entry = if extension.is_some() { extended::child::main } else { child::main };
    let pid = process::clone3(args, size, entry, frame.address())?;
    if frame.reached.load(Ordering::Relaxed)
        && (frame.pidfd.load(Ordering::Relaxed) != NO_PIDFD || !request.wants_pidfd)
    {
        return Ok(outcome(frame.take_pidfd(), pid, frame.error.load(Ordering::Relaxed)));
    }
    unexpected(&frame, pid)
}

/// The call's arguments, and how many of their bytes count.
#[inline(always)]
fn describe(args: &mut CloneArgs, frame: &Frame, extension: Option<&Extension>) -> usize {
    let request = frame.request;
    args.flags = CLONE_VM | CLONE_CLEAR_SIGHAND;
    if request.wants_pidfd {
        args.flags |= CLONE_PIDFD;
        args.pidfd = frame.pidfd_address() as u64;
    }
    args.exit_signal = libc::SIGCHLD as u64;
    let mut is_born_in_cgroup = request.attributes.has(flag::SETCGROUP);
    if let Some(extension) = extension {
        args.flags |= extension.clone_flags();
        args.exit_signal = extension.exit_signal() as u64;
        is_born_in_cgroup = extension.is_born_in_cgroup(&request.attributes);
    }
    if is_born_in_cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = request.attributes.cgroup as u64;
        return size_of::<CloneArgs>();
    }
    CloneArgs::SIZE_WITHOUT_CGROUP
}

/// A child beside which the caller goes on.  It shares the memory, on a stack that ends at that address; with none
/// (`process::CALLERS_STACK`) it gets a copy of all.
///
/// # Safety
/// As `spawn`; the caller waits until the child has left the memory before it touches the stack or leaves the frame.
pub(super) unsafe fn unsuspended(frame: &Frame, extension: &Extension, stack: *mut c_void) -> Result<pid_t> {
    let mut room = MaybeUninit::uninit();
    let args: &mut CloneArgs = zeroed(&mut room);
    let size = describe(args, frame, Some(extension));
    if stack.is_null() {
        args.flags &= !CLONE_VM;
    } else {
        // The kernel wants its lowest address and its size, and adds them up.
        args.stack = stack as u64 - STACK_UNIT;
        args.stack_size = STACK_UNIT;
    }
    process::clone3(args, size, extended::child::main, frame.address())
}

/// Some part of the stack, aligned as a stack is.
const STACK_UNIT: u64 = 16;

/// The call was granted, but not as it was asked for: some emulators ignore CLONE_PIDFD, some copy the memory.  A child
/// that finds no pidfd in the frame, which is so in both cases, leaves without having done anything.
#[cold]
unsafe fn unexpected(frame: &Frame, pid: pid_t) -> Result<Result<Child>> {
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
    // The next child, by clone, needs its pipe.
    fallback::forget_sharing();
    let _ = process::reap(pidfd.raw());
    Err(Errno(libc::ENOSYS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_from_failures() {
        for error in [libc::ENOSYS, libc::EPERM, libc::EINVAL, libc::E2BIG] {
            assert!(is_refusal(Errno(error), true) && is_refusal(Errno(error), false));
        }
        for error in [libc::EAGAIN, libc::ENOMEM, libc::EMFILE, libc::ENFILE, libc::EBADF] {
            assert!(!is_refusal(Errno(error), true) && !is_refusal(Errno(error), false));
        }
        assert!(is_refusal(Errno(libc::EACCES), false));
        assert_eq!(is_refusal(Errno(libc::EACCES), true), !process::knows_clone3());
    }
}
