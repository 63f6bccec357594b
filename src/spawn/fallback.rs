//! Where clone3 is missing or forbidden, as in most containers: clone, which every kernel and sandbox has.
//!
//! Nobody resets the signal handlers for the child there, so all signals are blocked around it, and it does that
//! itself.
//!
//! Some emulators grant CLONE_VM and copy the memory all the same.  The child's first step is a mark in the frame: a
//! parent that does not find it has to hear of an error through the pipe that the child has besides, until a mark was
//! seen once.

// Sound because: clone suspends the caller while the child uses the frame, and a child that got a copy of the memory
// uses its copy; the descriptor made owned is new.
#![allow(unsafe_code)]

use super::error_pipe::ErrorPipe;
use super::extended::{self, Extension};
use super::{child, outcome, probe, Child, ChildEnd, Frame, HandlerReset, Request};
use crate::errno::{Errno, Result};
use crate::kernel::process::ChildEntry;
use crate::kernel::uapi::{CLONE_PIDFD, CLONE_VFORK, CLONE_VM};
use crate::kernel::{fd, process, signal, status};
use crate::runtime::Runtime;
use core::sync::atomic::{AtomicBool, Ordering};
use libc::{c_void, pid_t};

/// Whether a child was seen to share the memory.
static SHARES_MEMORY: AtomicBool = AtomicBool::new(false);

/// Whether the kernel knows clone3, or a sandbox answers as if it did: so less than having seen a child.
static HAS_CLONE3: AtomicBool = AtomicBool::new(false);

/// # Safety
/// As `super::spawn`.
#[cold]
pub unsafe fn spawn(request: &Request, extension: Option<&Extension>) -> Result<Child> {
    let blocked = signal::Blocked::all_but_sigsys();
    let handler_reset = handler_reset(&blocked);
    let known = SHARES_MEMORY.load(Ordering::Relaxed);
    // It is rarely needed, so failing to make it is not an error yet.
    let mut pipe = if known { None } else { Some(ErrorPipe::new()) };
    let mut sharing = CLONE_VM | CLONE_VFORK;
    loop {
        let has_pipe = matches!(pipe, Some(Ok(_)));
        match attempt(request, extension, &blocked, handler_reset, pipe, sharing) {
            // It may hold what the pidfd needs.
            Err(error @ Errno(libc::EMFILE | libc::ENFILE)) if has_pipe => pipe = Some(Err(error)),
            // Older kernels do not let children share the memory that are to be in another time namespace.
            Err(Errno(libc::ENOSYS)) if sharing != 0 => {
                sharing = 0;
                pipe = Some(ErrorPipe::new());
            }
            made => return made?,
        }
    }
}

/// The outer result is clone's, the inner one the child's.
#[inline(always)]
unsafe fn attempt(
    request: &Request,
    extension: Option<&Extension>,
    blocked: &signal::Blocked,
    handler_reset: HandlerReset,
    pipe: Option<Result<ErrorPipe>>,
    sharing: u64,
) -> Result<Result<Child>> {
    let error_pipe = match &pipe {
        Some(Ok(pipe)) => pipe.child_end(),
        _ => ChildEnd::none(),
    };
    let frame = Frame { extension, ..Frame::new(request, handler_reset, error_pipe) };
    let entry = if extension.is_some() { extended::child::main } else { child::main };
    // The child is born with the caller's handlers, and none may run in it: not that of SIGSYS either.
    blocked.completely();
    let made = clone(&frame, sharing, process::CALLERS_STACK, entry);
    // For whatever else there is to do.
    if made.is_err() || pipe.is_some() || frame.error.load(Ordering::Relaxed) != 0 {
        blocked.but_sigsys();
    }
    let pid = made?;
    let reached = frame.reached.load(Ordering::Relaxed);
    if reached && pipe.is_some() {
        SHARES_MEMORY.store(true, Ordering::Relaxed);
    }
    let pidfd = frame.take_pidfd();
    if pidfd.is_none() && request.wants_pidfd {
        return Ok(Err(end(pid, Errno(libc::ENOSYS))));
    }
    // While the pipe was open, the lowest numbers may have been the pipe's.
    let at_its_number = if let Some(Ok(_)) = pipe { fd::at_lowest_number } else { |pidfd| pidfd };
    let error = match pipe {
        Some(Ok(pipe)) if !reached => pipe.receive(&pidfd),
        Some(Err(error)) if !reached => return Ok(Err(end(pid, error))),
        pipe => {
            drop(pipe);
            frame.error.load(Ordering::Relaxed)
        }
    };
    Ok(outcome(pidfd.map(at_its_number), pid, error))
}

/// For a child of clone.  With the signals blocked: a handler could set another one.
#[inline(always)]
pub(super) fn handler_reset(blocked: &signal::Blocked) -> HandlerReset {
    let handlers = match Runtime::get().records_one_thread() {
        Some(false) => None,
        _ => status::handlers_of_only_thread(),
    };
    HandlerReset::ByChild { mask: blocked.before(), handlers }
}

/// clone, whose only reason for EINVAL here is a flag that it does not know, and for EPERM and EACCES a sandbox.
pub(super) unsafe fn clone(frame: &Frame, flags: u64, stack: *mut c_void, entry: ChildEntry) -> Result<pid_t> {
    let pidfd = if frame.request.wants_pidfd { CLONE_PIDFD } else { 0 };
    let flags = flags | pidfd | libc::SIGCHLD as u64;
    process::clone(flags, stack, frame.pidfd_address(), entry, frame.address()).map_err(Errno::or_unavailable)
}

/// Whether a child shares the memory, if that is known.  No emulator that copies it has clone3; without clone3, a child
/// that does nothing else is looked at, unless it would be process 1 of a new PID namespace.
pub fn shares_memory() -> Result<Option<bool>> {
    if SHARES_MEMORY.load(Ordering::Relaxed) || HAS_CLONE3.load(Ordering::Relaxed) {
        return Ok(Some(true));
    }
    if process::knows_clone3() {
        HAS_CLONE3.store(true, Ordering::Relaxed);
        return Ok(Some(true));
    }
    if probe::would_be_process_1() != Some(false) {
        return Ok(None);
    }
    let shares = match probe::end_one().map_err(Errno::or_unavailable) {
        Ok(ended) => ended.shared_memory,
        // Such a child cannot be had; a copy may be.
        Err(Errno(libc::ENOSYS)) => return Ok(None),
        Err(error) => return Err(error),
    };
    SHARES_MEMORY.store(shares, Ordering::Relaxed);
    Ok(Some(shares))
}

/// A child was seen that did not.
pub fn forget_sharing() {
    SHARES_MEMORY.store(false, Ordering::Relaxed);
    HAS_CLONE3.store(false, Ordering::Relaxed);
}

/// There is a child that nobody could refer to, or that cannot report.
pub fn end(pid: pid_t, error: Errno) -> Errno {
    let _ = process::kill(pid, libc::SIGKILL);
    let _ = process::reap_pid(pid);
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::libc_abi::{Attributes, FileActions, Libc};
    use crate::spawn::{clone, Program};
    use std::ptr;

    /// Starts a program on the given path, without anything that a libc would have to be known for.
    fn start(path: &[u8], make: Make) -> Result<Child> {
        let argv = [path.as_ptr() as *mut libc::c_char, ptr::null_mut()];
        let request = Request {
            program: Program::Path(path.as_ptr().cast()),
            actions: FileActions::None,
            attributes: unsafe { Attributes::new(Libc::Glibc, ptr::null()) }.unwrap(),
            argv: argv.as_ptr(),
            envp: argv[1..].as_ptr(),
            wants_pidfd: true,
        };
        unsafe { make(&request) }
    }

    type Make = unsafe fn(&Request) -> Result<Child>;

    unsafe fn plain(request: &Request) -> Result<Child> {
        clone::by_clone3(request, None).expect("clone3 works here")
    }

    unsafe fn fallback(request: &Request) -> Result<Child> {
        spawn(request, None)
    }

    #[test]
    fn both_paths_start_a_program_and_report_an_error() {
        for make in [plain as Make, fallback] {
            let child = start(b"/bin/true\0", make).expect("/bin/true exists");
            let pidfd = child.pidfd.expect("it was asked for");
            assert_eq!(crate::getpid::getpid(pidfd.raw()), Ok(child.pid));
            process::reap(pidfd.raw()).expect("the child is ours");
            assert_eq!(start(b"/nonexistent\0", make).unwrap_err(), Errno(libc::ENOENT));
        }
        assert!(SHARES_MEMORY.load(Ordering::Relaxed));
    }

    #[test]
    fn a_copying_clone_reports_through_the_pipe() {
        let blocked = signal::Blocked::all();
        let pipe = ErrorPipe::new().unwrap();
        let request = Request {
            program: Program::Path(b"/nonexistent\0".as_ptr().cast()),
            actions: FileActions::None,
            attributes: unsafe { Attributes::new(Libc::Glibc, ptr::null()) }.unwrap(),
            argv: ptr::null(),
            envp: ptr::null(),
            wants_pidfd: true,
        };
        let handler_reset = HandlerReset::ByChild { mask: blocked.before(), handlers: None };
        let frame = Frame::new(&request, handler_reset, pipe.child_end());
        // What an emulator makes of CLONE_VM | CLONE_VFORK.
        match unsafe { libc::fork() } {
            0 => unsafe { child::main(frame.address()) },
            pid => {
                assert_eq!(pipe.receive(&None), libc::ENOENT);
                assert_eq!(frame.error.load(Ordering::Relaxed), 0);
                process::reap_pid(pid).unwrap();
            }
        }
    }
}
