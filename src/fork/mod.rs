//! pidfd_fork: the libc's own fork or _Fork makes the child, because only they repair the libc's records in it.
//! `handshake` gives the child its pidfd afterwards, and shows that it is the child's.  `raw` is for a libc without
//! _Fork.
//!
//! With flags 0 nothing is changed around the libc's fork: the handlers of pthread_atfork run with the caller's signal
//! mask and standard descriptors, and what they change lasts.  Signals are blocked for the handshake alone.

// Sound because: fork and _Fork are the libc's, called with nothing held but descriptors, which both processes close.
#![allow(unsafe_code)]

mod handshake;
mod raw;

use crate::cancel::AroundHandlers;
use crate::errno::{self, Errno, Result};
use crate::kernel::fd::OwnedFd;
use crate::kernel::signal::Blocked;
use crate::libc_abi::weak;
use crate::runtime::Runtime;
use handshake::{Handshake, Progress};
use libc::{c_uint, pid_t};

/// PIDFDFORK_ASYNCSAFE
pub const ASYNC_SAFE: c_uint = 1 << 1;

/// Which of the two processes returns.
#[derive(Debug)]
pub enum Forked {
    Child,
    /// With the child's pidfd, a number above 0.
    Parent(OwnedFd),
}

/// # Safety
/// In the child of a process with several threads, the caller does what it may do after fork or, with ASYNC_SAFE,
/// _Fork.
pub unsafe fn fork(flags: c_uint, runtime: Runtime) -> Result<Forked> {
    if flags & !ASYNC_SAFE != 0 {
        return Err(Errno(libc::EINVAL));
    }
    if !runtime.has_pidfds() {
        return Err(Errno(libc::ENOSYS));
    }
    let only_thread = runtime.has_one_thread();
    if flags & ASYNC_SAFE != 0 {
        // With all signals but SIGSYS blocked, and without a cancellation point, nothing can cancel.
        let _blocked = Blocked::all_but_sigsys();
        match weak::_Fork() {
            Some(make_child) => by_libc(make_child, only_thread, || ()),
            None => raw::fork(),
        }
    } else {
        let _no_cancellation = AroundHandlers::new(only_thread, runtime.abi());
        by_libc(libc::fork, only_thread, Blocked::all_but_sigsys)
    }
}

/// What `block` gives is kept for the handshake, on both sides.
unsafe fn by_libc<T>(
    make_child: unsafe extern "C" fn() -> pid_t,
    only_thread: bool,
    block: impl FnOnce() -> T,
) -> Result<Forked> {
    let progress = Progress::new();
    let handshake = Handshake::new(only_thread, &progress)?;
    match make_child() {
        -1 => Err(Errno(errno::get()).or_unavailable()),
        0 => {
            let _blocked = block();
            handshake.wait_for_parent(&progress);
            Ok(Forked::Child)
        }
        pid => {
            let _blocked = block();
            handshake.name(pid, &progress).map(Forked::Parent)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::getpid::getpid;
    use crate::kernel::{process, signal};

    /// musl and newer glibcs (seen: 2.43), which have _Fork, let the kernel clear another place than their record of
    /// the thread's ID.
    fn clears_another_place() -> bool {
        weak::glibc_minor_version().map_or(true, |minor| minor >= 42)
    }

    /// The child checks the libc's record of its thread ID, the parent that the pidfd names the child.
    fn check(forked: Result<Forked>) {
        match forked.expect("the kernel can fork") {
            Forked::Child => {
                let recorded = process::thread_id_address().map(|address| unsafe { *address });
                let right = recorded == Ok(process::getpid()) || clears_another_place();
                process::exit(if right { 0 } else { 1 })
            }
            Forked::Parent(pidfd) => {
                assert!(pidfd.raw() > 0);
                assert_eq!(process::is_child(pidfd.raw()), Ok(true));
                let mut status = 0;
                let pid = getpid(pidfd.raw()).unwrap();
                assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
                assert_eq!(status, 0);
                assert_eq!(getpid(pidfd.raw()), Err(Errno(libc::ESRCH)));
            }
        }
    }

    /// The test runs in a thread of its own beside the main thread.
    #[test]
    fn several_threads() {
        assert!(!process::is_single_threaded());
        check(unsafe { fork(0, Runtime::get()) });
        check(unsafe { fork(ASYNC_SAFE, Runtime::get()) });
    }

    #[test]
    fn a_libc_without_underscore_fork() {
        let _blocked = signal::Blocked::all();
        let forked = unsafe { raw::fork() };
        match forked {
            Err(Errno(libc::ENOSYS)) if clears_another_place() => {}
            forked => check(forked),
        }
    }

    /// glibc before 2.25, with its libpthread and without; or a static program that does not know which it has.
    #[cfg(target_env = "gnu")]
    #[test]
    fn a_libc_that_remembers_the_process() {
        let _blocked = signal::Blocked::all();
        let address = process::thread_id_address().unwrap();
        let fork = |place: *const libc::c_int, glibc| unsafe {
            libc::syscall(libc::SYS_set_tid_address, place);
            let forked = raw::fork_on(glibc);
            libc::syscall(libc::SYS_set_tid_address, address);
            match forked {
                Ok(Forked::Child) => process::exit(3),
                Ok(Forked::Parent(pidfd)) => process::reap(pidfd.raw()),
                Err(error) => Err(error),
            }
        };
        let refused = Err(Errno(libc::ENOSYS));
        let (remembering, plain) = ([process::gettid(), process::getpid()], [process::gettid(), 0]);
        for place in [remembering.as_ptr(), plain.as_ptr(), std::ptr::null()] {
            assert_eq!(fork(place, Some(24)), refused);
            assert_eq!(fork(place, Some(25)), Ok(()));
        }
        assert_eq!(fork(remembering.as_ptr(), None), refused);
        assert_eq!(fork(plain.as_ptr(), None), Ok(()));
    }

    /// As in a process of glibc 2.31 without its libpthread.
    #[cfg(target_env = "gnu")]
    #[test]
    fn a_libc_that_records_no_thread_id() {
        let _blocked = signal::Blocked::all();
        let address = process::thread_id_address().unwrap();
        unsafe { libc::syscall(libc::SYS_set_tid_address, 0) };
        let forked = unsafe { raw::fork() };
        unsafe { libc::syscall(libc::SYS_set_tid_address, address) };
        match forked.expect("the kernel can fork") {
            Forked::Child => process::exit(3),
            Forked::Parent(pidfd) => {
                let pid = getpid(pidfd.raw()).unwrap();
                let mut status = 0;
                assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
                assert_eq!(libc::WEXITSTATUS(status), 3);
            }
        }
    }

    /// What the kernel clears at the end of the thread is no record of its ID, so that nothing is written there.
    #[test]
    fn a_libc_that_records_the_thread_id_elsewhere() {
        let _blocked = signal::Blocked::all();
        let address = process::thread_id_address().unwrap();
        let other: libc::c_int = 0;
        unsafe { libc::syscall(libc::SYS_set_tid_address, &other) };
        let forked = unsafe { raw::fork() };
        unsafe { libc::syscall(libc::SYS_set_tid_address, address) };
        if matches!(forked, Ok(Forked::Child)) {
            process::exit(3);
        }
        assert_eq!(forked.unwrap_err(), Errno(libc::ENOSYS));
    }

    #[cfg(all(target_arch = "x86_64", target_env = "gnu"))]
    type SignalHandler = unsafe extern "C" fn(libc::c_int, *mut libc::c_void, *mut libc::c_void);

    /// Whether `check` holds in a process whose clones with a pidfd are made by the handler, but for those that ask not
    /// to be traced.
    #[cfg(all(target_arch = "x86_64", target_env = "gnu"))]
    fn holds_with_clone_by(handler: SignalHandler, check: impl FnOnce() -> bool) -> bool {
        const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
        const ANY_BIT: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
        const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
        let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
        // The number, then the low half of the first argument.
        let mut filter = [
            step(LOAD, 0, 0, 0),
            step((libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16, 0, 4, libc::SYS_clone as u32),
            step(LOAD, 0, 0, 16),
            step(ANY_BIT, 0, 2, libc::CLONE_PIDFD as u32),
            step(ANY_BIT, 1, 0, libc::CLONE_UNTRACED as u32),
            step(RETURN, 0, 0, libc::SECCOMP_RET_TRAP),
            step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
        ];
        let child = unsafe { libc::fork() };
        if child == 0 {
            let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
            let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
            action.sa_sigaction = handler as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER;
            let trapped = unsafe {
                libc::sigaction(libc::SIGSYS, &action, std::ptr::null_mut());
                libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
                libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) == 0
            };
            let holds = trapped && check();
            let no_child = unsafe { libc::waitpid(-1, std::ptr::null_mut(), 0) } == -1;
            process::exit(if holds && no_child { 0 } else { 1 });
        }
        let mut status = -1;
        unsafe { libc::waitpid(child, &mut status, 0) == child && status == 0 }
    }

    /// What some emulators make of the flag that asks for a pidfd: a child without one, which nobody could name.
    #[cfg(all(target_arch = "x86_64", target_env = "gnu"))]
    #[test]
    fn no_child_without_a_pidfd_is_left() {
        unsafe extern "C" fn clone_without_pidfd(_: libc::c_int, _: *mut libc::c_void, context: *mut libc::c_void) {
            let registers = &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
            let flags = registers[libc::REG_RDI as usize] & !libc::c_longlong::from(libc::CLONE_PIDFD);
            let tid = registers[libc::REG_R10 as usize];
            registers[libc::REG_RAX as usize] = libc::syscall(libc::SYS_clone, flags, 0, 0, tid, 0);
        }
        assert!(holds_with_clone_by(clone_without_pidfd, || {
            matches!(unsafe { raw::fork() }, Err(Errno(libc::ENOSYS)))
        }));
    }

    /// It was open when the call looked, so that no other number was reserved.
    #[cfg(all(target_arch = "x86_64", target_env = "gnu"))]
    #[test]
    fn zero_that_another_thread_closes_meanwhile() {
        unsafe extern "C" fn clone_without_zero(_: libc::c_int, _: *mut libc::c_void, context: *mut libc::c_void) {
            let registers = &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
            let flags = registers[libc::REG_RDI as usize] | libc::c_longlong::from(libc::CLONE_UNTRACED);
            let (pidfd, tid) = (registers[libc::REG_RDX as usize], registers[libc::REG_R10 as usize]);
            libc::close(0);
            registers[libc::REG_RAX as usize] = libc::syscall(libc::SYS_clone, flags, 0, pidfd, tid, 0);
        }
        let fork = || {
            unsafe { libc::dup2(1, 0) };
            let forked = unsafe { raw::fork() };
            if matches!(forked, Ok(Forked::Child)) {
                process::exit(0);
            }
            forked
        };
        assert!(holds_with_clone_by(clone_without_zero, || {
            matches!(fork(), Ok(Forked::Parent(pidfd)) if pidfd.raw() > 0 && process::reap(pidfd.raw()).is_ok())
        }));
        assert!(holds_with_clone_by(clone_without_zero, || {
            let no_number_but_zero = libc::rlimit { rlim_cur: 1, rlim_max: 1 };
            unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &no_number_but_zero) };
            matches!(fork(), Err(Errno(libc::EMFILE)))
        }));
    }

    /// The child of a thread that holds robust mutexes holds none.
    #[test]
    fn the_list_of_robust_mutexes_is_the_childs_own() {
        let _blocked = signal::Blocked::all();
        let (before, size) = process::robust_list().unwrap();
        // struct robust_list_head: the list, an offset, and no mutex that is being locked; and the list's only entry.
        let mut head = [0_usize; 3];
        let entry = [head.as_ptr() as usize];
        head[0] = entry.as_ptr() as usize;
        unsafe { process::set_robust_list(head.as_mut_ptr().cast(), size) }.unwrap();
        let forked = unsafe { raw::fork() };
        if matches!(forked, Ok(Forked::Child)) {
            let own = process::robust_list().map_or(false, |(head, _)| unsafe { (*head).next } == head);
            process::exit(if own { 0 } else { 1 });
        }
        unsafe { process::set_robust_list(before, size) }.unwrap();
        match forked {
            Ok(Forked::Parent(pidfd)) => {
                let mut status = -1;
                let pid = getpid(pidfd.raw()).unwrap();
                assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
                assert_eq!(status, 0);
            }
            forked => assert!(clears_another_place(), "{:?}", forked),
        }
    }

    #[test]
    fn an_unknown_flag_is_refused() {
        for flag in (0..32).map(|bit| 1 << bit).filter(|&flag| flag != ASYNC_SAFE) {
            assert_eq!(unsafe { fork(flag, Runtime::get()) }.unwrap_err(), Errno(libc::EINVAL));
        }
    }
}
