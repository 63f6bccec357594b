//! pidfd_getpid: the process ID behind a pidfd.
//!
//! Linux 6.13 answers by one ioctl, without procfs and without a free descriptor.  Before that the number stands in the
//! descriptor's fdinfo.  The ioctl is only sent to a file on pidfs: to an unknown device it could mean anything.  Both
//! give the thread's ID for the pidfd of a thread.

use crate::cancel;
use crate::errno::{Errno, Result};
use crate::kernel::uapi::{ANONYMOUS_INODES, PIDFS};
use crate::kernel::{fd, process, status, zeroed, Buffer};
use core::mem::MaybeUninit;
use libc::{c_int, pid_t};

pub fn getpid(pidfd: c_int) -> Result<pid_t> {
    if pidfd < 0 {
        return Err(Errno(libc::EBADF));
    }
    match fd::file_system(pidfd) {
        Ok(PIDFS) => match fd::pid_by_ioctl(pidfd) {
            Ok(pid) => Ok(pid),
            Err(error @ Errno(libc::EREMOTE | libc::EBADF)) => Err(error),
            Err(Errno(libc::ESRCH)) => without_parent(pidfd),
            Err(_) => from_fdinfo(pidfd),
        },
        // Pidfds before Linux 6.9, and eventfds, timers and more, which can be told apart without procfs.
        Ok(ANONYMOUS_INODES) => from_unknown(pidfd),
        Ok(_) | Err(Errno(libc::EBADF)) => Err(Errno(libc::EBADF)),
        // Sandboxes refuse the question.
        Err(_) => from_unknown(pidfd),
    }
}

/// The ioctl says ESRCH: reaped, or on the first kernels that had it, to 6.15, also: the process or its parent is in a
/// foreign PID namespace.  A signal that is none tells which, without procfs; who lives here has a number in fdinfo.
fn without_parent(pidfd: c_int) -> Result<pid_t> {
    match process::pidfd_send_signal(pidfd, process::NO_SIGNAL) {
        Err(reaped @ Errno(libc::ESRCH)) => Err(reaped),
        Err(Errno(libc::EINVAL)) => Err(Errno(libc::EREMOTE)),
        _ => from_fdinfo(pidfd),
    }
}

/// For a descriptor that may or may not be a pidfd.
fn from_unknown(fd: c_int) -> Result<pid_t> {
    if process::is_no_pidfd(fd) {
        return Err(Errno(libc::EBADF));
    }
    from_fdinfo(fd)
}

fn from_fdinfo(pidfd: c_int) -> Result<pid_t> {
    let _no_cancellation = cancel::Deferred::new();
    let mut path = MaybeUninit::uninit();
    let file = fd::open_read_only(fd::numbered_path(&mut path, DIRECTORY, pidfd))?;
    // A number for each of 32 nested namespaces has room; the files of other kinds of descriptors can be longer.
    let mut text = MaybeUninit::uninit();
    let Buffer(text) = zeroed::<Buffer<512>>(&mut text);
    let mut length = 0;
    while length < text.len() {
        match fd::read(file.raw(), text.get_mut(length..).unwrap_or_default())? {
            0 => break,
            more => length += more,
        }
    }
    drop(file);
    let text = text.get(..length).unwrap_or_default();
    match parse(text) {
        Some(-1) => Err(Errno(libc::ESRCH)),
        Some(0) => Err(Errno(libc::EREMOTE)),
        Some(pid) => match process::pidfd_send_signal(pidfd, process::NO_SIGNAL) {
            // The procfs may be that of another namespace, and so the number.
            Err(Errno(libc::EINVAL)) => Err(Errno(libc::EREMOTE)),
            // Before Linux 5.5 a reaped process's number stays there.
            Err(error @ Errno(libc::ESRCH)) => Err(error),
            Ok(()) => match numbers(text).nth(1) {
                Some(_) => number_here(text),
                None => Ok(pid),
            },
            // Another's process, or a sandbox refuses that: then somebody has to have the number, at least.
            Err(_) => match number_here(text)? {
                pid if process::kill(pid, process::NO_SIGNAL) == Err(Errno(libc::ESRCH)) => Err(Errno(libc::ESRCH)),
                pid => Ok(pid),
            },
        },
        None => Err(Errno(libc::EBADF)),
    }
}

/// The number in the caller's namespace, which may be one within that of procfs.
fn number_here(text: &[u8]) -> Result<pid_t> {
    // Before Linux 5.5 there is the first alone, as in a kernel without PID namespaces.
    if numbers(text).next().is_none() {
        return parse(text).ok_or(Errno(libc::EBADF));
    }
    numbers(text).nth(status::own_numbers()?.wrapping_sub(1)).ok_or(Errno(libc::EREMOTE))
}

/// Those from the namespace of procfs inwards, as far as they are there.
fn numbers(text: &[u8]) -> impl Iterator<Item = pid_t> + '_ {
    let line = text.split(|&byte| byte == b'\n').find_map(|line| match line {
        [b'N', b'S', b'p', b'i', b'd', b':', b'\t', numbers @ ..] => Some(numbers),
        _ => None,
    });
    line.unwrap_or_default().split(|&byte| byte == b'\t').map_while(number)
}

/// The caller's own: /proc/self is the first thread, which may have another table of descriptors, or none any more.
const DIRECTORY: &[u8] = b"/proc/thread-self/fdinfo/";

/// The number on the line `Pid:<tab>N`, if there is such a line.
pub fn parse(text: &[u8]) -> Option<pid_t> {
    text.split(|&byte| byte == b'\n').find_map(|line| match line {
        [b'P', b'i', b'd', b':', b'\t', number @ ..] => self::number(number),
        _ => None,
    })
}

fn number(text: &[u8]) -> Option<pid_t> {
    match text {
        [b'-', b'1'] => return Some(-1),
        [] => return None,
        _ => {}
    }
    text.iter().try_fold(0, |value: pid_t, &byte| {
        let digit = pid_t::from(byte.wrapping_sub(b'0'));
        if digit > 9 {
            return None;
        }
        value.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let text = |fd| {
            fd::numbered_path(&mut MaybeUninit::uninit(), DIRECTORY, fd)
                .iter()
                .take_while(|&&byte| byte != 0)
                .map(|&byte| byte as char)
                .collect::<String>()
        };
        for fd in [0, 7, 10, 19, 1234567890, c_int::MAX] {
            assert_eq!(text(fd), format!("/proc/thread-self/fdinfo/{fd}"));
            assert_eq!(fd::numbered_path(&mut MaybeUninit::uninit(), DIRECTORY, fd).last(), Some(&0));
        }
    }

    #[test]
    fn the_line_is_found_among_others() {
        let text = b"pos:\t0\nflags:\t02000002\nmnt_id:\t15\nino:\t1042\nPid:\t4711\nNSpid:\t4711\n";
        assert_eq!(parse(text), Some(4711));
        assert_eq!(parse(b"Pid:\t-1\n"), Some(-1));
        assert_eq!(parse(b"Pid:\t0\nNSpid:\t0\n"), Some(0));
        assert_eq!(parse(b"Pid:\t2147483647"), Some(2147483647));
    }

    #[test]
    fn the_numbers_of_nested_namespaces() {
        let of = |text: &'static [u8]| numbers(text).collect::<Vec<_>>();
        assert_eq!(of(b"Pid:\t4711\nNSpid:\t4711\t12\t1\n"), [4711, 12, 1]);
        assert_eq!(of(b"Pid:\t4711\nNSpid:\t4711\n"), [4711]);
        for text in [&b"Pid:\t4711\n"[..], b"Pid:\t4711\nNSpid:\t\n", b"NSpid: 4711\n", b""] {
            assert_eq!(of(text), []);
        }
    }

    /// procfs here is that of the test's own namespace.
    #[test]
    fn the_number_is_the_one_of_the_own_namespace() {
        assert_eq!(number_here(b"Pid:\t4711\nNSpid:\t4711\t12\n"), Ok(4711));
        assert_eq!(number_here(b"Pid:\t4711\n"), Ok(4711));
    }

    #[test]
    fn what_is_no_such_line_is_no_number() {
        for text in [
            &b""[..],
            b"pos:\t0\nNSpid:\t12\n",
            b"TracerPid:\t12\n",
            b"Pid: 12\n",
            b"Pid:\t\n",
            b"Pid:\t12x\n",
            b"Pid:\t1:\n",
            b"Pid:\t1/\n",
            b"Pid:\t1 \n",
            b"Pid:\t-2\n",
            b"Pid:\t+2\n",
            b"Pid:\t2147483648\n",
            b"Pid:\t99999999999999999999\n",
        ] {
            assert_eq!(parse(text), None, "{:?}", String::from_utf8_lossy(text));
        }
    }
}
