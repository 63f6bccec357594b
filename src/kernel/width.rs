//! System calls that 32-bit processes have twice, once for numbers of 16 or 32 bits and once for wider ones: the wider.
//! The kernel's generic table of calls, which riscv32 and csky have, holds these alone.

// Sound because: each call gets exactly its arguments, in structures of the width that its number stands for.
#![allow(unsafe_code)]

use super::call;
use super::uapi::{PollFd, Statfs, Timespec};
use crate::errno::Result;
use core::sync::atomic::AtomicU32;
use libc::c_int;

#[cfg(not(calls_twice))]
pub use libc::SYS_fcntl as SYS_FCNTL;
/// What the descriptor commands of fcntl64 do does not differ, but sandboxes of 32-bit programs know that one alone,
/// for it is what the libcs call.
#[cfg(calls_twice)]
pub use libc::SYS_fcntl64 as SYS_FCNTL;
#[cfg(not(short_ids))]
pub use libc::{
    SYS_getegid as SYS_GETEGID, SYS_geteuid as SYS_GETEUID, SYS_getgid as SYS_GETGID, SYS_getresgid as SYS_GETRESGID,
    SYS_getresuid as SYS_GETRESUID, SYS_getuid as SYS_GETUID, SYS_setfsgid as SYS_SETFSGID,
    SYS_setgroups as SYS_SETGROUPS, SYS_setresgid as SYS_SETRESGID, SYS_setresuid as SYS_SETRESUID,
};
#[cfg(short_ids)]
pub use libc::{
    SYS_getegid32 as SYS_GETEGID, SYS_geteuid32 as SYS_GETEUID, SYS_getgid32 as SYS_GETGID,
    SYS_getresgid32 as SYS_GETRESGID, SYS_getresuid32 as SYS_GETRESUID, SYS_getuid32 as SYS_GETUID,
    SYS_setfsgid32 as SYS_SETFSGID, SYS_setgroups32 as SYS_SETGROUPS, SYS_setresgid32 as SYS_SETRESGID,
    SYS_setresuid32 as SYS_SETRESUID,
};

/// Of the calls that came after all architectures had got the same numbers, apart from where those begin.
#[cfg(target_pointer_width = "32")]
const fn number(call: libc::c_long) -> libc::c_long {
    libc::SYS_clone3 - 435 + call
}

#[cfg(target_pointer_width = "64")]
use libc::{SYS_futex as SYS_FUTEX, SYS_pselect6 as SYS_PSELECT6};
#[cfg(target_pointer_width = "32")]
const SYS_PSELECT6: libc::c_long = number(413);
#[cfg(target_pointer_width = "32")]
const SYS_FUTEX: libc::c_long = number(422);
#[cfg(target_pointer_width = "64")]
use libc::SYS_ppoll as SYS_PPOLL;
#[cfg(all(target_pointer_width = "32", not(calls_twice)))]
const SYS_PPOLL: libc::c_long = number(414);

/// # Safety
/// The descriptor is the caller's responsibility.
#[cfg(target_pointer_width = "64")]
pub unsafe fn fstatfs(fd: c_int, status: &mut Statfs) -> Result<()> {
    call!(libc::SYS_fstatfs, fd, status as *mut Statfs).map(drop)
}

/// fstatfs fails where the size of the file system does not fit; fstatfs64 is told the size of its structure, in which
/// mips has one more number, and which ends where a number of 64 bits could begin but for arm.
///
/// # Safety
/// As above.
#[cfg(target_pointer_width = "32")]
pub unsafe fn fstatfs(fd: c_int, status: &mut Statfs) -> Result<()> {
    #[cfg(not(calls_twice))]
    use libc::SYS_fstatfs as NUMBER;
    #[cfg(calls_twice)]
    use libc::SYS_fstatfs64 as NUMBER;
    const SIZE: usize = if cfg!(mips) {
        96
    } else if cfg!(target_arch = "arm") || core::mem::align_of::<u64>() < 8 {
        84
    } else {
        88
    };
    call!(NUMBER, fd, SIZE, status as *mut Statfs).map(drop)
}

/// A mapping of its own, of zeroes.
pub fn map(size: usize) -> Result<usize> {
    #[cfg(not(calls_twice))]
    use libc::SYS_mmap as NUMBER;
    #[cfg(calls_twice)]
    use libc::SYS_mmap2 as NUMBER;
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: nothing is there yet.
    unsafe {
        if cfg!(target_arch = "s390x") {
            // The call has one argument: where these are.
            let arguments = [0, size, protection as usize, flags as usize, usize::MAX, 0];
            return call!(NUMBER, arguments.as_ptr());
        }
        call!(NUMBER, 0, size, protection, flags, -1_isize, 0)
    }
}

/// Sets where the next read begins.
///
/// # Safety
/// As above.
#[cfg(any(target_pointer_width = "64", calls_twice))]
pub unsafe fn seek(fd: c_int, offset: usize) -> Result<()> {
    call!(libc::SYS_lseek, fd, offset, libc::SEEK_SET).map(drop)
}

/// As above, by the call that is _llseek there.
///
/// # Safety
/// As above.
#[cfg(not(any(target_pointer_width = "64", calls_twice)))]
pub unsafe fn seek(fd: c_int, offset: usize) -> Result<()> {
    let mut result = 0_u64;
    call!(libc::SYS_lseek, fd, 0, offset, &mut result as *mut u64, libc::SEEK_SET).map(drop)
}

/// Waits for so many milliseconds at most, which are less than a second.
///
/// # Safety
/// `fds` are `count` entries, of which the kernel writes `revents`.
#[cfg(not(calls_twice))]
pub unsafe fn poll(fds: *mut PollFd, count: usize, milliseconds: usize) -> Result<usize> {
    // The kernel writes into it what is left.
    let mut limit = Timespec { seconds: 0, nanoseconds: milliseconds as i64 * 1_000_000 };
    call!(SYS_PPOLL, fds, count, &mut limit as *mut Timespec, 0, 0)
}

/// Not ppoll: a kernel can leave out all calls with times of 32 bits, given or not.
///
/// # Safety
/// As above.
#[cfg(calls_twice)]
pub unsafe fn poll(fds: *mut PollFd, count: usize, milliseconds: usize) -> Result<usize> {
    call!(libc::SYS_poll, fds, count, milliseconds)
}

/// What is ready now.
///
/// # Safety
/// As above.
#[cfg(not(calls_twice))]
pub unsafe fn poll_now(fds: *mut PollFd, count: usize) -> Result<usize> {
    call!(SYS_PPOLL, fds, count, Timespec::ZERO as *const Timespec, 0, 0)
}

/// As above.
///
/// # Safety
/// As above.
#[cfg(calls_twice)]
pub unsafe fn poll_now(fds: *mut PollFd, count: usize) -> Result<usize> {
    call!(libc::SYS_poll, fds, count, 0)
}

/// pselect6 of reading alone, and of what is ready now.
///
/// # Safety
/// `set` has room for `count` bits in whole words, as far as the table of descriptors reaches.
pub unsafe fn select_now(count: usize, set: *mut usize) -> Result<usize> {
    call!(SYS_PSELECT6, count, set, 0, 0, Timespec::ZERO as *const Timespec, 0)
}

/// A futex operation with a time limit, which is less than a second.
///
/// # Safety
/// `word` is one, and the operation needs nothing else.
pub unsafe fn futex(word: *const AtomicU32, operation: c_int, value: u32, nanoseconds: u32) -> Result<usize> {
    let limit = Timespec { seconds: 0, nanoseconds: nanoseconds.into() };
    call!(SYS_FUTEX, word, operation, value, &limit as *const Timespec)
}

/// Rests for so many nanoseconds, which are less than a second, or until there is a signal.
pub fn sleep(nanoseconds: u32) {
    #[cfg(target_pointer_width = "32")]
    {
        const MONOTONIC: c_int = 1;
        let time = Timespec { seconds: 0, nanoseconds: nanoseconds.into() };
        // SAFETY: the kernel reads one time.
        let rested = unsafe { call!(number(407), MONOTONIC, 0, &time as *const Timespec, 0) };
        if cfg!(not(calls_twice)) || matches!(rested, Ok(_) | Err(crate::errno::Errno(libc::EINTR))) {
            return;
        }
    }
    // A sandbox may be older than that call, and a kernel may have none with times of 32 bits.
    #[cfg(any(target_pointer_width = "64", calls_twice))]
    // SAFETY: the kernel reads one time, of machine words.
    let _ = unsafe { call!(libc::SYS_nanosleep, [0, nanoseconds as usize].as_ptr(), 0) };
}
