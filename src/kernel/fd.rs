//! System calls on descriptors and paths.

// Sound because: each call gets exactly its arguments; paths and buffers are the caller's promise where the function is
// unsafe and borrowed slices elsewhere.
#![allow(unsafe_code)]

use super::uapi::{
    PidfdInfo, PidfdInfoOfKernel, PollFd, Rlimit, Statfs, Statx, NS_GET_PID_FROM_PIDNS, PIDFD_GET_INFO,
    PIDFD_GET_INFO_OF_KERNEL, PIDFD_INFO_PID, PIDFD_INFO_SUPPORTED_MASK, POLLNVAL,
};
use super::{call, opaque_zero, retry, width, zeroed, Buffer};
use crate::errno::{Errno, Result};
use core::mem::{size_of, size_of_val, MaybeUninit};
use core::num::NonZeroI32;
use libc::{c_char, c_int, c_uint, mode_t, pid_t};

/// A descriptor that is closed when it goes out of scope; but a child that leaves by execve or exit closes nothing.
///
/// The number is kept inverted, so that it is not 0 and an `Option` of it takes no more room.
#[derive(Debug)]
pub struct OwnedFd(NonZeroI32);

impl OwnedFd {
    /// # Safety
    /// `fd` is open and nobody else closes it.
    pub unsafe fn from_raw(fd: c_int) -> Self {
        OwnedFd(NonZeroI32::new_unchecked(!fd))
    }

    pub fn raw(&self) -> c_int {
        !self.0.get()
    }

    /// The number, now the receiver's to close.
    pub fn into_raw(self) -> c_int {
        let fd = self.raw();
        core::mem::forget(self);
        fd
    }

    /// The descriptor if that is how its file was opened, among others without blocking, or that is not told; and else
    /// None, for somebody has closed it, and what has the number now is theirs.
    pub fn if_opened_with(self, flags: c_int) -> Option<Self> {
        let told = libc::O_ACCMODE | libc::O_NONBLOCK | libc::O_APPEND | libc::O_DIRECT;
        match open_flags(self.raw()) {
            Ok(found) if found & told != flags | libc::O_NONBLOCK => {
                self.into_raw();
                None
            }
            // There is nothing to close, then.
            Err(Errno(libc::EBADF)) => None,
            _ => Some(self),
        }
    }
}

impl Drop for OwnedFd {
    fn drop(&mut self) {
        let _ = close(self.raw());
    }
}

pub fn close(fd: c_int) -> Result<()> {
    // SAFETY: closing takes no pointer; whose descriptor it is the caller knows.
    unsafe { call!(libc::SYS_close, fd) }.map(drop)
}

pub fn close_range(first: c_uint, last: c_uint, flags: c_uint) -> Result<()> {
    // SAFETY: no pointer.
    unsafe { call!(libc::SYS_close_range, first, last, flags) }.map(drop)
}

/// Mark them rather than close them.
pub const CLOSE_RANGE_CLOEXEC: c_uint = 1 << 2;

/// # Safety
/// `path` is a string.
pub unsafe fn open(path: *const c_char, flags: c_int, mode: mode_t) -> Result<c_int> {
    open_at(libc::AT_FDCWD, path, flags, mode)
}

/// # Safety
/// As above.
#[inline(always)]
unsafe fn open_at(directory: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> Result<c_int> {
    call!(libc::SYS_openat, directory, path, flags | O_LARGEFILE, mode).map(|fd| fd as c_int)
}

/// The kernel's value: the libc's header says 0 where `off_t` has 64 bits anyway, but the flag is seen by F_GETFL.
const O_LARGEFILE: c_int = if cfg!(any(target_arch = "arm", target_arch = "aarch64")) {
    0o400000
} else if cfg!(any(target_arch = "powerpc", target_arch = "powerpc64")) {
    0o200000
} else if cfg!(mips) {
    0x2000
} else if cfg!(sparc) {
    0x4_0000
} else {
    0o100000
};

/// Makes `to` a copy of `from`, which must be another number.
pub fn dup3(from: c_int, to: c_int, flags: c_int) -> Result<()> {
    // SAFETY: no pointer.
    unsafe { call!(libc::SYS_dup3, from, to, flags) }.map(drop)
}

/// A close-on-exec copy with the lowest free number that is at least `lowest`.
pub fn fcntl_dupfd(fd: c_int, lowest: c_int) -> Result<c_int> {
    // SAFETY: no pointer.
    unsafe { call!(width::SYS_FCNTL, fd, libc::F_DUPFD_CLOEXEC, lowest) }.map(|fd| fd as c_int)
}

/// The descriptor itself, or a copy of it if its number is that of a standard descriptor: other threads and handlers
/// may write there.
pub fn above_standard(fd: OwnedFd) -> Result<OwnedFd> {
    if fd.raw() > libc::STDERR_FILENO {
        return Ok(fd);
    }
    copy_above_standard(&fd)
}

pub fn copy_above_standard(fd: &OwnedFd) -> Result<OwnedFd> {
    copy_above(fd.raw(), libc::STDERR_FILENO)
}

/// A copy whose number is higher than that one.
pub fn copy_above(fd: c_int, number: c_int) -> Result<OwnedFd> {
    match fcntl_dupfd(fd, number + 1) {
        // SAFETY: the copy is new.
        Ok(copy) => Ok(unsafe { OwnedFd::from_raw(copy) }),
        // The limit is below that.
        Err(Errno(libc::EINVAL)) => Err(Errno(libc::EMFILE)),
        Err(error) => Err(error),
    }
}

/// The descriptor itself, or a copy of it if that has a lower number.
pub fn at_lowest_number(fd: OwnedFd) -> OwnedFd {
    // SAFETY: the copy is new.
    match fcntl_dupfd(fd.raw(), 0).map(|copy| unsafe { OwnedFd::from_raw(copy) }) {
        Ok(copy) if copy.raw() < fd.raw() => copy,
        _ => fd,
    }
}

pub fn is_open(fd: c_int) -> bool {
    // SAFETY: no pointer.
    unsafe { call!(width::SYS_FCNTL, fd, libc::F_GETFD) }.is_ok()
}

/// The mode and the flags that the file was opened with.
pub fn open_flags(fd: c_int) -> Result<c_int> {
    // SAFETY: no pointer.
    unsafe { call!(width::SYS_FCNTL, fd, libc::F_GETFL) }.map(|flags| flags as c_int)
}

/// Sets those of the flags that can be changed later.
pub fn set_open_flags(fd: c_int, flags: c_int) -> Result<()> {
    // SAFETY: no pointer.
    unsafe { call!(width::SYS_FCNTL, fd, libc::F_SETFL, flags) }.map(drop)
}

/// How many names the file has.  The path ends in a NUL.
pub fn link_count(path: &[u8]) -> Result<u32> {
    let mut status = Statx::new();
    statx(libc::AT_FDCWD, path, 0, STATX_NLINK, &mut status).map(|()| status.links)
}

/// The user and the group ID by which the thread opens files, as far as they can be known: the owner of what it makes.
/// The calls that set these IDs, and give the old ones, are more than a sandbox allows to many.
pub fn file_system_ids() -> [Option<u32>; 2] {
    let mut status = Statx::new();
    let mut look_at = |file: OwnedFd| statx(file.raw(), b"\0", libc::AT_EMPTY_PATH, STATX_UID | STATX_GID, &mut status);
    match pipe().and_then(|(file, _)| look_at(file)) {
        Ok(()) => [Some(status.user), Some(status.group)],
        Err(_) => [None; 2],
    }
}

const STATX_NLINK: u32 = 4;
const STATX_UID: u32 = 8;
const STATX_GID: u32 = 0x10;

// Into the caller's room: a value that is passed on may be copied by the libc's memcpy.
fn statx(directory: c_int, path: &[u8], flags: c_int, wanted: u32, status: &mut Statx) -> Result<()> {
    // SAFETY: the path is a string; the kernel writes one struct statx.
    unsafe { call!(libc::SYS_statx, directory, path.as_ptr(), flags, wanted, status as *mut Statx) }?;
    if status.mask & wanted != wanted {
        return Err(Errno(libc::ENOSYS));
    }
    Ok(())
}

/// Lets the descriptor live on across execve.
pub fn clear_close_on_exec(fd: c_int) -> Result<()> {
    // SAFETY: no pointer.
    unsafe {
        let flags = call!(width::SYS_FCNTL, fd, libc::F_GETFD)? as c_int;
        call!(width::SYS_FCNTL, fd, libc::F_SETFD, flags & !libc::FD_CLOEXEC).map(drop)
    }
}

/// Has execve close the descriptor.
pub fn set_close_on_exec(fd: c_int) -> Result<()> {
    // SAFETY: no pointer.
    unsafe { call!(width::SYS_FCNTL, fd, libc::F_SETFD, libc::FD_CLOEXEC) }.map(drop)
}

pub fn read(fd: c_int, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: the kernel writes at most the slice's length into it.
    retry(|| unsafe { call!(libc::SYS_read, fd, buffer.as_mut_ptr(), buffer.len()) })
}

/// Sets where the next read begins.
pub fn seek(fd: c_int, offset: usize) -> Result<()> {
    // SAFETY: no pointer.
    unsafe { width::seek(fd, offset) }
}

pub fn write(fd: c_int, bytes: &[u8]) -> Result<usize> {
    // SAFETY: the kernel reads at most the slice's length from it.
    retry(|| unsafe { call!(libc::SYS_write, fd, bytes.as_ptr(), bytes.len()) })
}

/// A close-on-exec, non-blocking pipe: the reading and the writing end.
pub fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    marked_pipe(0)
}

/// One whose ends are opened with that flag as well.
pub fn marked_pipe(mark: c_int) -> Result<(OwnedFd, OwnedFd)> {
    let mut ends: [c_int; 2] = [-1; 2];
    // SAFETY: the kernel writes two numbers; both are new and nobody else's.
    unsafe {
        call!(libc::SYS_pipe2, ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK | mark)?;
        Ok((OwnedFd::from_raw(ends[0]), OwnedFd::from_raw(ends[1])))
    }
}

/// Takes an exclusive lock on the file for this process.
pub fn lock(fd: c_int) -> Result<()> {
    set_lock(fd, F_SETLK, libc::F_WRLCK as i16)
}

/// Whether no other process has such a lock.
pub fn try_lock(fd: c_int) -> Result<bool> {
    match set_lock(fd, F_SETLK, libc::F_RDLCK as i16) {
        Ok(()) => Ok(true),
        Err(Errno(libc::EAGAIN | libc::EACCES)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The one for the structure below, which the libc's constant need not be.
const F_SETLK: c_int = if cfg!(sparc) { 8 } else { 6 };

/// struct flock with the file offsets of machine words, for the whole file.
#[repr(C)]
struct Lock {
    kind: i16,
    whence: i16,
    start: isize,
    length: isize,
    pid: c_int,
    /// There is more in it.
    #[cfg(any(mips, sparc))]
    rest: MaybeUninit<[c_int; 5]>,
}

fn set_lock(fd: c_int, command: c_int, kind: i16) -> Result<()> {
    let zero = opaque_zero();
    let lock = Lock {
        kind,
        whence: 0,
        start: zero as isize,
        length: zero as isize,
        pid: zero as c_int,
        #[cfg(any(mips, sparc))]
        rest: MaybeUninit::uninit(),
    };
    // SAFETY: the kernel reads one struct flock.
    retry(|| unsafe { call!(width::SYS_FCNTL, fd, command, &lock as *const Lock) }).map(drop)
}

/// A close-on-exec, non-blocking eventfd that holds 0.
pub fn eventfd() -> Result<OwnedFd> {
    // SAFETY: no pointer; the descriptor is new.
    unsafe {
        call!(libc::SYS_eventfd2, 0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK).map(|fd| OwnedFd::from_raw(fd as c_int))
    }
}

/// Waits until one of the descriptors is ready, for so many milliseconds at most, which are less than a second.
pub fn poll(fds: &mut [PollFd], milliseconds: usize) -> Result<usize> {
    // SAFETY: the kernel writes `revents` of the slice's entries.
    retry(|| unsafe { width::poll(fds.as_mut_ptr(), fds.len(), milliseconds) })
}

/// Calls the function with those of the `count` numbers from `first` on that are open, as poll tells them: one call for
/// many, whatever the soft limit, unless it is lower than the count.
pub fn for_each_open<const N: usize>(first: c_int, count: usize, mut function: impl FnMut(c_int)) -> Result<()> {
    let mut room = MaybeUninit::<[PollFd; N]>::uninit();
    let entries = room.as_mut_ptr().cast::<PollFd>();
    let count = if count < N { count } else { N };
    // SAFETY: of the N entries there is room for, `count` are written, asked for, and read.
    unsafe {
        for index in 0..count {
            entries.add(index).write_volatile(PollFd::new(first + index as c_int, 0));
        }
        retry(|| width::poll_now(entries, count))?;
        for index in 0..count {
            let entry = entries.add(index).read_volatile();
            if entry.revents & POLLNVAL == 0 {
                function(entry.fd);
            }
        }
    }
    Ok(())
}

/// Whether the process's table of descriptors has a place for that number, at which nothing is open.  The table is
/// about as long as the highest number that was ever open needs, however high the limit.
///
/// select leaves alone what its set holds beyond the table, and refuses what is in the table and not open.
pub fn table_reaches(number: c_int) -> Result<bool> {
    const SMALL: usize = 1024 / 8;
    let size = (number as usize / usize::BITS as usize + 1) * size_of::<usize>();
    if size <= SMALL {
        let mut room = MaybeUninit::uninit();
        let set: &mut Buffer<SMALL> = zeroed(&mut room);
        // SAFETY: there is room for that number.
        return unsafe { select_refuses(number, set.0.as_mut_ptr().cast()) };
    }
    let set = width::map(size)?;
    // SAFETY: so large is it.
    unsafe {
        let result = select_refuses(number, set as *mut usize);
        let _ = call!(libc::SYS_munmap, set, size);
        result
    }
}

/// # Safety
/// `set` has room for that number and is empty.
unsafe fn select_refuses(number: c_int, set: *mut usize) -> Result<bool> {
    let word = usize::BITS as usize;
    let number = number as usize;
    set.add(number / word).write_volatile(1 << (number % word));
    match retry(|| width::select_now(number + 1, set)) {
        Ok(_) => Ok(false),
        Err(Errno(libc::EBADF)) => Ok(true),
        Err(error) => Err(error),
    }
}

/// # Safety
/// `path` is a string.
pub unsafe fn chdir(path: *const c_char) -> Result<()> {
    call!(libc::SYS_chdir, path).map(drop)
}

pub fn fchdir(fd: c_int) -> Result<()> {
    // SAFETY: no pointer.
    unsafe { call!(libc::SYS_fchdir, fd) }.map(drop)
}

/// Calls the function with the name of each entry of the directory.
pub fn for_each_entry(directory: c_int, mut function: impl FnMut(&[u8])) -> Result<()> {
    // What it takes of the stack is part of what a spawn needs without close_range.
    let mut buffer = MaybeUninit::<[u64; 48]>::uninit();
    loop {
        let size = size_of_val(&buffer);
        // SAFETY: the kernel writes at most that many bytes of whole entries into the buffer.
        let filled = unsafe { call!(libc::SYS_getdents64, directory, buffer.as_mut_ptr(), size) }?;
        if filled == 0 {
            return Ok(());
        }
        let mut entry = buffer.as_ptr().cast::<u8>();
        // SAFETY: as above; an entry has its own length at byte 16 and its name, ended by a NUL, at byte 19.
        unsafe {
            let end = entry.add(filled);
            while entry < end {
                let name = entry.add(19);
                let mut length = 0;
                while core::ptr::read_volatile(name.add(length)) != 0 {
                    length += 1;
                }
                function(core::slice::from_raw_parts(name, length));
                entry = entry.add(usize::from(entry.add(16).cast::<u16>().read()));
            }
        }
    }
}

/// Makes the terminal that of the caller's session, unless it is another session's.
pub fn set_controlling_terminal(terminal: c_int) -> Result<()> {
    // SAFETY: no pointer.
    unsafe { call!(libc::SYS_ioctl, terminal, libc::TIOCSCTTY, 0) }.map(drop)
}

/// Ends that, if it is so, without the hangup that comes with the end of the session's leader.
pub fn give_up_controlling_terminal(terminal: c_int) -> Result<()> {
    // SAFETY: no pointer.
    unsafe { call!(libc::SYS_ioctl, terminal, libc::TIOCNOTTY) }.map(drop)
}

/// Makes the process group the foreground group of the terminal.
pub fn tcsetpgrp(terminal: c_int, group: pid_t) -> Result<()> {
    // SAFETY: the kernel reads one pid_t.
    unsafe { call!(libc::SYS_ioctl, terminal, libc::TIOCSPGRP, &group as *const pid_t) }.map(drop)
}

/// The soft and the hard limit of descriptor numbers.
pub fn descriptor_limit() -> Result<Rlimit> {
    let mut limit = Rlimit::default();
    // SAFETY: the kernel writes one struct rlimit64 for this process.
    unsafe { call!(libc::SYS_prlimit64, 0, libc::RLIMIT_NOFILE, 0, &mut limit as *mut Rlimit) }.map(|_| limit)
}

/// The type of the file system that the descriptor's file is on.
pub fn file_system(fd: c_int) -> Result<u64> {
    let mut status = Statfs::new();
    // SAFETY: the kernel writes one struct statfs, for which there is more than enough room.
    unsafe { width::fstatfs(fd, &mut status) }.map(|_| status.kind as u64)
}

pub fn pidfd_open(pid: pid_t) -> Result<OwnedFd> {
    // SAFETY: no pointer; the descriptor is new.
    unsafe { call!(libc::SYS_pidfd_open, pid, 0).map(|fd| OwnedFd::from_raw(fd as c_int)) }
}

/// An error if no pidfd can be opened, even for the process itself: with these flags the call is refused in a way of
/// its own, and makes no descriptor.
pub fn try_pidfd_open(own: pid_t) -> Result<()> {
    const NONE_KNOWN: c_int = -1;
    // SAFETY: no pointer; there is no descriptor.
    match unsafe { call!(libc::SYS_pidfd_open, own, NONE_KNOWN) } {
        Ok(_) | Err(Errno(libc::EINVAL)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// A copy of a descriptor of the process that the pidfd names, if the kernel lets us trace that process.
pub fn copy_from_process(pidfd: c_int, fd: c_int) -> Result<OwnedFd> {
    // SAFETY: no pointer; the descriptor is new.
    unsafe { call!(libc::SYS_pidfd_getfd, pidfd, fd, 0).map(|fd| OwnedFd::from_raw(fd as c_int)) }
}

/// Asks a descriptor on pidfs for the process ID of what it names.
pub fn pid_by_ioctl(fd: c_int) -> Result<pid_t> {
    let info = pidfd_info(fd, PIDFD_INFO_PID)?;
    if info.mask & PIDFD_INFO_PID == 0 {
        return Err(Errno(libc::ENOTTY));
    }
    Ok(info.pid as pid_t)
}

/// Asks a descriptor on pidfs; the mask of the answer says what it tells.
#[inline(always)]
pub fn pidfd_info(fd: c_int, mask: u64) -> Result<PidfdInfo> {
    let mut room = MaybeUninit::uninit();
    let info: &mut PidfdInfo = zeroed(&mut room);
    info.mask = mask;
    // SAFETY: the request carries the size of the structure that the kernel fills, which was written before.
    unsafe {
        call!(libc::SYS_ioctl, fd, PIDFD_GET_INFO, info as *mut PidfdInfo)?;
        Ok(room.assume_init())
    }
}

/// What the kernel can tell by that, as it says through a descriptor on pidfs; nothing before Linux 6.19.
pub fn supported_pidfd_info(fd: c_int) -> u64 {
    let mut room = MaybeUninit::uninit();
    let answer: &mut PidfdInfoOfKernel = zeroed(&mut room);
    answer.info.mask = PIDFD_INFO_SUPPORTED_MASK;
    // SAFETY: the request carries the size of the structure that the kernel fills.
    let result = unsafe { call!(libc::SYS_ioctl, fd, PIDFD_GET_INFO_OF_KERNEL, answer as *mut PidfdInfoOfKernel) };
    result.map_or(0, |_| answer.supported())
}

/// Whether that PID namespace certainly has no process 1; before Linux 6.11 it does not say.
pub fn is_without_process_1(namespace: c_int) -> bool {
    const PROCESS_1: c_int = 1;
    // SAFETY: no pointer.
    unsafe { call!(libc::SYS_ioctl, namespace, NS_GET_PID_FROM_PIDNS, PROCESS_1) == Err(Errno(libc::ESRCH)) }
}

/// Room for a path of procfs: the longest folder, which is /proc/thread-self/fdinfo/, ten digits, and the NUL.
pub type NumberedPath = Buffer<40>;

/// The folder's path and the number, ended by NUL.
pub fn numbered_path<'a>(room: &'a mut MaybeUninit<NumberedPath>, folder: &[u8], number: c_int) -> &'a [u8] {
    let Buffer(path) = zeroed(room);
    let mut digits = [0_u8; 10];
    let mut rest = number as u32;
    let mut count = 0;
    for digit in digits.iter_mut() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        count += 1;
        if rest == 0 {
            break;
        }
    }
    let text = folder.iter().chain(digits.iter().take(count).rev());
    for (place, &byte) in path.iter_mut().zip(text) {
        *place = byte;
    }
    path
}

/// Where the symbolic link at that absolute path leads, as far as it fits, with zeroes behind it.
pub fn short_link<'a>(room: &'a mut MaybeUninit<Buffer<32>>, path: &'static [u8]) -> Result<&'a [u8; 32]> {
    let Buffer(name) = zeroed(room);
    debug_assert!(path.ends_with(b"\0"));
    // SAFETY: the path is a string; the kernel writes as much as there is room.
    unsafe { call!(libc::SYS_readlinkat, libc::AT_FDCWD, path.as_ptr(), name.as_mut_ptr(), name.len()) }?;
    Ok(name)
}

/// Opens an existing file for reading, close-on-exec.  The path ends at its first NUL, which it must have.
pub fn open_read_only(path: &[u8]) -> Result<OwnedFd> {
    open_in(libc::AT_FDCWD, path, libc::O_RDONLY | libc::O_CLOEXEC)
}

/// Opens an existing file whose path, if it does not begin with a slash, starts at that directory.
pub fn open_in(directory: c_int, path: &[u8], flags: c_int) -> Result<OwnedFd> {
    // Not `contains`: with rustc 1.63 its search keeps a panic that cannot happen.
    if path.iter().all(|&byte| byte != 0) {
        return Err(Errno(libc::EINVAL));
    }
    // SAFETY: a NUL ends the path within the slice; the descriptor is new.
    unsafe { open_at(directory, path.as_ptr().cast(), flags, 0).map(|fd| OwnedFd::from_raw(fd)) }
}
