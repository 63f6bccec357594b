//! The file actions, as the child performs them.  Same conditions as in `child`.

// Sound because: the paths in the actions are strings that the libc copied, and the object is unchanged during the
// call.
#![allow(unsafe_code)]

use super::ChildEnd;
use crate::errno::{Errno, Result};
use crate::kernel::uapi::PROCFS;
use crate::kernel::{fd, process};
use crate::libc_abi::{FileAction, FileActions};
use libc::{c_char, c_int, c_uint, mode_t};

/// Inlined, because the stack that a call may need is stated, and it is one frame less.
#[inline(always)]
pub unsafe fn perform(actions: FileActions, error_pipe: &ChildEnd) -> Result<()> {
    for action in actions {
        match action? {
            FileAction::Close { fd } => close(fd, error_pipe)?,
            FileAction::Dup2 { from, to } => dup2(from, to, error_pipe)?,
            FileAction::Open { fd, path, flags, mode } => open(fd, path, flags, mode, error_pipe)?,
            FileAction::Chdir { path } => fd::chdir(path)?,
            FileAction::Fchdir { fd } => fd::fchdir(visible(fd, error_pipe)?)?,
            FileAction::CloseFrom { first } => close_from(first, error_pipe)?,
            FileAction::SetForegroundGroup { terminal } => {
                fd::tcsetpgrp(visible(terminal, error_pipe)?, process::getpgrp())?
            }
        }
    }
    Ok(())
}

/// The number, unless it is the error pipe's: for the caller that one is not open.
pub fn visible(fd: c_int, error_pipe: &ChildEnd) -> Result<c_int> {
    if error_pipe.holds(fd) {
        Err(Errno(libc::EBADF))
    } else {
        Ok(fd)
    }
}

/// A descriptor that is not open is fine, a number that can never be one is not.
fn close(fd: c_int, error_pipe: &ChildEnd) -> Result<()> {
    if error_pipe.holds(fd) || fd::close(fd).is_ok() {
        return Ok(());
    }
    // A sandbox may refuse that question.
    if fd < 0 || fd::descriptor_limit().map_or(false, |limit| fd as u64 >= limit.current) {
        return Err(Errno(libc::EBADF));
    }
    Ok(())
}

/// Onto itself, the descriptor survives the exec; POSIX wants that, and dup2 would leave it close-on-exec.
fn dup2(from: c_int, to: c_int, error_pipe: &ChildEnd) -> Result<()> {
    let from = visible(from, error_pipe)?;
    if from == to {
        return fd::clear_close_on_exec(from);
    }
    error_pipe.vacate(to)?;
    fd::dup3(from, to, 0)
}

/// The old file is closed first: at the descriptor limit there would be no number for the new one, and some devices can
/// be open only once.
unsafe fn open(fd: c_int, path: *const c_char, flags: c_int, mode: mode_t, error_pipe: &ChildEnd) -> Result<()> {
    error_pipe.vacate(fd)?;
    let _ = fd::close(fd);
    let opened = fd::open(path, flags, mode)?;
    if opened != fd {
        fd::dup3(opened, fd, 0)?;
        let _ = fd::close(opened);
    } else if error_pipe.is_below(fd) {
        // Without the pipe it would have been opened with that number and moved, which takes O_CLOEXEC away.
        fd::clear_close_on_exec(fd)?;
    }
    Ok(())
}

fn close_from(first: c_int, error_pipe: &ChildEnd) -> Result<()> {
    if first < 0 {
        return Err(Errno(libc::EBADF));
    }
    let kept = error_pipe.number();
    if kept < first {
        return close_all(first as c_uint, c_uint::MAX);
    }
    if kept > first {
        close_all(first as c_uint, kept as c_uint - 1)?;
    }
    close_all(kept as c_uint + 1, c_uint::MAX)
}

fn close_all(first: c_uint, last: c_uint) -> Result<()> {
    // Missing before Linux 5.9, and sandboxes refuse it in several ways.
    if fd::close_range(first, last, 0).is_ok() {
        return Ok(());
    }
    // There must be a number for the directory.
    if first <= last {
        close_quietly(first as c_int);
    }
    for_each_listed(first, last, close_quietly).or_else(|_| for_each_found(first, last, close_one, close_quietly))
}

fn close_quietly(fd: c_int) {
    let _ = fd::close(fd);
}

/// Nothing is open there afterwards.
fn close_one(fd: c_int) -> bool {
    close_quietly(fd);
    false
}

/// Calls the function with the open descriptors that procfs lists.  It may close them: the kernel goes on from a
/// number, not from a place in a list.
pub fn for_each_listed(first: c_uint, last: c_uint, function: fn(c_int)) -> Result<()> {
    let directory = fd::open_read_only(b"/proc/self/fd\0")?.into_raw();
    if fd::file_system(directory) != Ok(PROCFS) {
        let _ = fd::close(directory);
        return Err(Errno(libc::ENOTDIR));
    }
    let result = fd::for_each_entry(directory, |name| {
        if let Some(number) = decimal(name) {
            if (first..=last).contains(&number) && number as c_int != directory {
                function(number as c_int);
            }
        }
    });
    let _ = fd::close(directory);
    result
}

fn decimal(text: &[u8]) -> Option<c_uint> {
    let mut value: c_uint = 0;
    for &byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.wrapping_mul(10).wrapping_add(c_uint::from(digit));
    }
    Some(value)
}

/// Without procfs the numbers are tried, many at a time, and as few of them as can be: a hard limit of 2^30 is common,
/// and as many calls would take minutes.
pub fn for_each_found(first: c_uint, last: c_uint, is_open: fn(c_int) -> bool, function: fn(c_int)) -> Result<()> {
    let end = if last < HIGHEST {
        u64::from(last) + 1
    } else {
        let limit = |_| fd::descriptor_limit().map(|limit| limit.maximum.min(HIGHEST.into()));
        table_end(first, is_open).or_else(limit)?
    };
    let mut number = u64::from(first);
    while number < end {
        let rest = end - number;
        let count = if rest < BLOCK as u64 { rest as usize } else { BLOCK };
        // poll wants a soft limit that is not below the count, and can be forbidden.
        if fd::for_each_open::<BLOCK>(number as c_int, count, function).is_err() {
            (0..count).for_each(|index| function(number as c_int + index as c_int));
        }
        number += count as u64;
    }
    Ok(())
}

const BLOCK: usize = 32;
const HIGHEST: c_uint = c_int::MAX as c_uint;

/// A number that no open descriptor reaches, but for those below `first`.
fn table_end(first: c_uint, is_open: fn(c_int) -> bool) -> Result<u64> {
    let mut number: c_uint = 1024 - 1;
    loop {
        if number >= first && !is_open(number as c_int) && !fd::table_reaches(number as c_int)? {
            return Ok(u64::from(number));
        }
        if number == HIGHEST {
            return Ok(u64::from(HIGHEST));
        }
        number = number << 1 | 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spawn::error_pipe::ErrorPipe;

    /// Runs the function in a forked child, whose descriptors are its own.
    fn in_child(function: impl FnOnce() -> bool) {
        match unsafe { libc::fork() } {
            0 => process::exit(if function() { 0 } else { 1 }),
            pid => {
                let mut status = 0;
                assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
                assert_eq!(status, 0);
            }
        }
    }

    /// What the caller has not opened is not open for its actions, wherever the error pipe is.
    #[test]
    fn no_action_reaches_the_error_pipe() {
        let pipe = ErrorPipe::new().unwrap();
        in_child(|| {
            let error_pipe = pipe.child_end();
            error_pipe.open();
            let number = error_pipe.number();
            let closed = close(number, &error_pipe).is_ok() && fd::is_open(number);
            let not_a_source = dup2(number, 99, &error_pipe) == Err(Errno(libc::EBADF))
                && dup2(number, number, &error_pipe) == Err(Errno(libc::EBADF))
                && visible(number, &error_pipe) == Err(Errno(libc::EBADF));
            let moved = dup2(0, number, &error_pipe).is_ok() && error_pipe.number() != number;
            let second = error_pipe.number();
            let opened =
                unsafe { open(second, b"/dev/null\0".as_ptr().cast(), libc::O_RDONLY, 0, &error_pipe) }.is_ok();
            closed
                && not_a_source
                && moved
                && opened
                && error_pipe.number() != second
                && fd::is_open(error_pipe.number())
        });
    }

    /// O_CLOEXEC stays if the lowest free number is the one that is asked for.
    #[test]
    fn an_open_file_is_close_on_exec_as_it_were_without_the_error_pipe() {
        let pipe = ErrorPipe::new().unwrap();
        in_child(|| {
            let error_pipe = pipe.child_end();
            error_pipe.open();
            // Only that is left above the standard descriptors, with the lowest number.
            let moved = close_from(3, &error_pipe).is_ok() && error_pipe.vacate(error_pipe.number()).is_ok();
            let closes = |number, error_pipe: &ChildEnd| unsafe {
                let flags = libc::O_RDONLY | libc::O_CLOEXEC;
                let opened = open(number, b"/dev/null\0".as_ptr().cast(), flags, 0, error_pipe);
                opened.is_ok() && libc::fcntl(number, libc::F_GETFD) == libc::FD_CLOEXEC
            };
            moved && error_pipe.number() == 3 && !closes(4, &error_pipe) && closes(5, &ChildEnd::none())
        });
    }

    #[test]
    fn closefrom_leaves_the_error_pipe_alone() {
        for first in [0, 3] {
            let pipe = ErrorPipe::new().unwrap();
            in_child(|| {
                let error_pipe = pipe.child_end();
                error_pipe.open();
                let number = error_pipe.number();
                let done = close_from(first, &error_pipe).is_ok();
                done && (first..200).all(|fd| fd::is_open(fd) == (fd == number))
            });
        }
    }

    #[test]
    fn the_slower_ways_of_closing_close_the_same() {
        let listed = |first, last| for_each_listed(first, last, close_quietly);
        let found = |first, last| for_each_found(first, last, close_one, close_quietly);
        for way in [listed as fn(c_uint, c_uint) -> Result<()>, found] {
            in_child(|| {
                for fd in [50, 51, 60, 61, 70] {
                    if fd::dup3(0, fd, 0).is_err() {
                        return false;
                    }
                }
                way(51, 60).is_ok()
                    && fd::is_open(50)
                    && !fd::is_open(51)
                    && !fd::is_open(60)
                    && fd::is_open(61)
                    && fd::is_open(70)
            });
        }
    }
}
