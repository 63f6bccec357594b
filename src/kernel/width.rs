//! System calls that 32-bit processes have twice, once for numbers of 16 or 32 bits and once for wider ones: the wider.

// Sound because: each call gets exactly its arguments, in structures of the width that its number stands for.
#![allow(unsafe_code)]

use super::call;
use super::uapi::{PollFd, Statfs, Timespec};
use crate::errno::Result;
use core::sync::atomic::AtomicU32;
use libc::c_int;

#[cfg(target_pointer_width = "64")]
pub use libc::{
    SYS_fcntl as SYS_FCNTL, SYS_getegid as SYS_GETEGID, SYS_geteuid as SYS_GETEUID, SYS_getgid as SYS_GETGID,
    SYS_getresgid as SYS_GETRESGID, SYS_getresuid as SYS_GETRESUID, SYS_getuid as SYS_GETUID, SYS_mmap as SYS_MMAP,
    SYS_setgroups as SYS_SETGROUPS, SYS_setresgid as SYS_SETRESGID, SYS_setresuid as SYS_SETRESUID,
};
/// What the descriptor commands of fcntl64 do does not differ, but sandboxes of 32-bit programs know that one alone,
/// for it is what the libcs call.
#[cfg(target_pointer_width = "32")]
pub use libc::{
    SYS_fcntl64 as SYS_FCNTL, SYS_getegid32 as SYS_GETEGID, SYS_geteuid32 as SYS_GETEUID, SYS_getgid32 as SYS_GETGID,
    SYS_getresgid32 as SYS_GETRESGID, SYS_getresuid32 as SYS_GETRESUID, SYS_getuid32 as SYS_GETUID,
    SYS_mmap2 as SYS_MMAP, SYS_setgroups32 as SYS_SETGROUPS, SYS_setresgid32 as SYS_SETRESGID,
    SYS_setresuid32 as SYS_SETRESUID,
};

/// # Safety
/// The descriptor is the caller's responsibility.
#[cfg(target_pointer_width = "64")]
pub unsafe fn fstatfs(fd: c_int, status: &mut Statfs) -> Result<()> {
    call!(libc::SYS_fstatfs, fd, status as *mut Statfs).map(drop)
}

/// fstatfs fails where the size of the file system does not fit; fstatfs64 is told the size of its structure, which is
/// the same on every 32-bit architecture here.
///
/// # Safety
/// As above.
#[cfg(target_pointer_width = "32")]
pub unsafe fn fstatfs(fd: c_int, status: &mut Statfs) -> Result<()> {
    const SIZE: usize = 84;
    call!(libc::SYS_fstatfs64, fd, SIZE, status as *mut Statfs).map(drop)
}

/// Waits for so many milliseconds at most, which are less than a second.
///
/// # Safety
/// `fds` are `count` entries, of which the kernel writes `revents`.
#[cfg(target_pointer_width = "64")]
pub unsafe fn poll(fds: *mut PollFd, count: usize, milliseconds: usize) -> Result<usize> {
    // The kernel writes into it what is left.
    let mut limit = [0, milliseconds * 1_000_000];
    call!(libc::SYS_ppoll, fds, count, limit.as_mut_ptr(), 0, 0)
}

/// Not ppoll: a kernel can leave out all calls with times of 32 bits, given or not.
///
/// # Safety
/// As above.
#[cfg(target_pointer_width = "32")]
pub unsafe fn poll(fds: *mut PollFd, count: usize, milliseconds: usize) -> Result<usize> {
    call!(libc::SYS_poll, fds, count, milliseconds)
}

/// What is ready now.
///
/// # Safety
/// As above.
#[cfg(target_pointer_width = "64")]
pub unsafe fn poll_now(fds: *mut PollFd, count: usize) -> Result<usize> {
    call!(libc::SYS_ppoll, fds, count, Timespec::ZERO as *const Timespec, 0, 0)
}

/// As above.
///
/// # Safety
/// As above.
#[cfg(target_pointer_width = "32")]
pub unsafe fn poll_now(fds: *mut PollFd, count: usize) -> Result<usize> {
    call!(libc::SYS_poll, fds, count, 0)
}

/// pselect6 of reading alone, and of what is ready now.
///
/// # Safety
/// `set` has room for `count` bits in whole words, as far as the table of descriptors reaches.
pub unsafe fn select_now(count: usize, set: *mut usize) -> Result<usize> {
    #[cfg(target_pointer_width = "64")]
    use libc::SYS_pselect6 as NUMBER;
    /// pselect6_time64, which every 32-bit architecture has under this number.
    #[cfg(target_pointer_width = "32")]
    const NUMBER: libc::c_long = 413;
    call!(NUMBER, count, set, 0, 0, Timespec::ZERO as *const Timespec, 0)
}

/// A futex operation with a time limit, which is less than a second.
///
/// # Safety
/// `word` is one, and the operation needs nothing else.
pub unsafe fn futex(word: *const AtomicU32, operation: c_int, value: u32, nanoseconds: u32) -> Result<usize> {
    #[cfg(target_pointer_width = "64")]
    use libc::SYS_futex as NUMBER;
    /// futex_time64, which every 32-bit architecture has under this number.
    #[cfg(target_pointer_width = "32")]
    const NUMBER: libc::c_long = 422;
    let limit = Timespec { seconds: 0, nanoseconds: nanoseconds.into() };
    call!(NUMBER, word, operation, value, &limit as *const Timespec)
}
