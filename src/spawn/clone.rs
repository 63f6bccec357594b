//! Making the child: clone3 on the plain path, clone where clone3 is missing or forbidden.

// Sound because: both clones suspend the caller while the child uses the frame, and a child that got a copy of the
// memory uses its copy; the descriptors made owned here are new.
#![allow(unsafe_code)]

use super::report::Pipe;
use super::{child, Birth, Child, Frame, Report, Request};
use crate::errno::{Errno, Result};
use crate::kernel::fd::OwnedFd;
use crate::kernel::uapi::{CloneArgs, CLONE_CLEAR_SIGHAND, CLONE_INTO_CGROUP, CLONE_PIDFD, CLONE_VFORK, CLONE_VM};
use crate::kernel::{process, signal, zeroed};
use crate::libc_abi::flag;
use core::mem::{size_of, MaybeUninit};
use core::sync::atomic::{AtomicI32, AtomicU8, Ordering};
use libc::{c_int, c_void, pid_t};

/// Whether clone3 said that it is not for us, rather than that there can be no child now: missing (old kernels,
/// emulators), forbidden (seccomp), without CLONE_CLEAR_SIGHAND, or with a smaller structure than ours.
pub fn is_refusal(error: Errno) -> bool {
    matches!(error.0, libc::ENOSYS | libc::EPERM | libc::EINVAL | libc::E2BIG)
}

/// The plain path.  The outer result is clone3's, the inner one the child's.
///
/// # Safety
/// As `spawn`.
pub unsafe fn clean(request: &Request) -> Result<Result<Child>> {
    let frame = Frame::new(request, Birth::Clean, Report::none());
    let mut room = MaybeUninit::uninit();
    let args: &mut CloneArgs = zeroed(&mut room);
    args.flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_CLEAR_SIGHAND;
    args.pidfd = frame.pidfd_address() as u64;
    args.exit_signal = libc::SIGCHLD as u64;
    let mut size = CloneArgs::SIZE_WITHOUT_CGROUP;
    if request.attributes.has(flag::SETCGROUP) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = request.attributes.cgroup as u64;
        size = size_of::<CloneArgs>();
    }
    let pid = process::clone3_vfork(args, size, child::main, address(&frame))?;
    Ok(outcome(&frame, pid, frame.error.load(Ordering::Relaxed)))
}

/// The fallback path.
///
/// # Safety
/// As `spawn`.
#[cold]
pub unsafe fn fallback(request: &Request) -> Result<Child> {
    let pipe = if shares_memory()? { None } else { Some(Pipe::new()?) };
    let blocked = signal::Blocked::all();
    let frame =
        Frame::new(request, Birth::Blocked(blocked.before()), pipe.as_ref().map_or(Report::none(), Pipe::child_end));
    let flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | libc::SIGCHLD as u64;
    let pid = clone(flags, frame.pidfd_address(), child::main, address(&frame))?;
    if frame.pidfd.load(Ordering::Relaxed) < 0 {
        return Err(without_pidfd(pid));
    }
    let error = match pipe {
        None => frame.error.load(Ordering::Relaxed),
        Some(pipe) => pipe.receive(),
    };
    outcome(&frame, pid, error)
}

/// Whether the child became the program.  If not, it is on its way out and is waited for.
unsafe fn outcome(frame: &Frame, pid: pid_t, error: c_int) -> Result<Child> {
    let pidfd = OwnedFd::from_raw(frame.pidfd.load(Ordering::Relaxed));
    if error == 0 {
        return Ok(Child { pidfd, pid });
    }
    let _ = process::reap(pidfd.raw());
    Err(Errno(error))
}

/// clone, whose only reason for EINVAL here is a flag that it does not know.
unsafe fn clone(flags: u64, pidfd: *mut c_int, entry: process::ChildEntry, argument: *const c_void) -> Result<pid_t> {
    process::clone_vfork(flags, pidfd, entry, argument).map_err(|error| {
        if error.0 == libc::EINVAL {
            Errno(libc::ENOSYS)
        } else {
            error
        }
    })
}

/// The clone was granted but CLONE_PIDFD was ignored: there is a child and no safe name for it.
fn without_pidfd(pid: pid_t) -> Errno {
    let _ = process::kill(pid, libc::SIGKILL);
    let _ = process::reap_pid(pid);
    Errno(libc::ENOSYS)
}

fn address<T>(shared: &T) -> *const c_void {
    (shared as *const T).cast()
}

/// What is known of CLONE_VM: some emulators grant it and copy the memory all the same.
static MEMORY: AtomicU8 = AtomicU8::new(UNKNOWN);
const UNKNOWN: u8 = 0;
const SHARED: u8 = 1;
const COPIED: u8 = 2;

/// Tries, once in a process, with a child that does nothing but write into the shared memory.  Finding out before the
/// first real child means that on a real kernel no descriptor is needed to hear of an error, and that an emulator
/// without CLONE_PIDFD is noticed before anything was started.
unsafe fn shares_memory() -> Result<bool> {
    match MEMORY.load(Ordering::Relaxed) {
        UNKNOWN => {}
        known => return Ok(known == SHARED),
    }
    let trial = Trial { pidfd: AtomicI32::new(-1), reached: AtomicU8::new(0) };
    let blocked = signal::Blocked::all();
    let pidfd_address = &trial.pidfd as *const AtomicI32 as *mut c_int;
    let flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD;
    // Without an exit signal no handler and no waitpid of the caller sees the child; some emulators insist on SIGCHLD.
    let pid = match clone(flags, pidfd_address, trial_child, address(&trial)) {
        Err(Errno(libc::ENOSYS)) => clone(flags | libc::SIGCHLD as u64, pidfd_address, trial_child, address(&trial)),
        result => result,
    }?;
    let pidfd = trial.pidfd.load(Ordering::Relaxed);
    if pidfd < 0 {
        return Err(without_pidfd(pid));
    }
    let pidfd = OwnedFd::from_raw(pidfd);
    let _ = process::reap(pidfd.raw());
    drop(blocked);
    let memory = if trial.reached.load(Ordering::Relaxed) == 1 { SHARED } else { COPIED };
    MEMORY.store(memory, Ordering::Relaxed);
    Ok(memory == SHARED)
}

struct Trial {
    pidfd: AtomicI32,
    reached: AtomicU8,
}

unsafe extern "C" fn trial_child(trial: *const c_void) -> ! {
    (*trial.cast::<Trial>()).reached.store(1, Ordering::Relaxed);
    process::exit(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::libc_abi::{Attributes, FileActions, Libc};
    use crate::spawn::Program;
    use std::ptr;

    /// Starts a program on the given path, without anything that a libc would have to be known for.
    fn start(path: &[u8], make: unsafe fn(&Request) -> Result<Child>) -> Result<Child> {
        let argv = [path.as_ptr() as *mut libc::c_char, ptr::null_mut()];
        let request = Request {
            program: Program::Path(path.as_ptr().cast()),
            actions: FileActions::None,
            attributes: unsafe { Attributes::new(Libc::Glibc, ptr::null()) }.unwrap(),
            argv: argv.as_ptr(),
            envp: argv[1..].as_ptr(),
        };
        unsafe { make(&request) }
    }

    unsafe fn plain(request: &Request) -> Result<Child> {
        clean(request).expect("clone3 works here")
    }

    #[test]
    fn both_paths_start_a_program_and_report_an_error() {
        for make in [plain as unsafe fn(&Request) -> Result<Child>, fallback] {
            let child = start(b"/bin/true\0", make).expect("/bin/true exists");
            assert_eq!(crate::getpid::getpid(child.pidfd.raw()), Ok(child.pid));
            process::reap(child.pidfd.raw()).expect("the child is ours");
            assert_eq!(start(b"/nonexistent\0", make).unwrap_err(), Errno(libc::ENOENT));
        }
        assert_eq!(MEMORY.load(Ordering::Relaxed), SHARED);
    }

    #[test]
    fn a_copying_clone_reports_through_the_pipe() {
        let blocked = signal::Blocked::all();
        let pipe = Pipe::new().unwrap();
        let request = Request {
            program: Program::Path(b"/nonexistent\0".as_ptr().cast()),
            actions: FileActions::None,
            attributes: unsafe { Attributes::new(Libc::Glibc, ptr::null()) }.unwrap(),
            argv: ptr::null(),
            envp: ptr::null(),
        };
        let frame = Frame::new(&request, Birth::Blocked(blocked.before()), pipe.child_end());
        // What an emulator makes of CLONE_VM | CLONE_VFORK.
        match unsafe { libc::fork() } {
            0 => unsafe { child::main(address(&frame)) },
            pid => {
                assert_eq!(pipe.receive(), libc::ENOENT);
                assert_eq!(frame.error.load(Ordering::Relaxed), 0);
                process::reap_pid(pid).unwrap();
            }
        }
    }

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
