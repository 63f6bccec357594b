//! What the kernel tells of this process as text, in /proc/self/status.

use super::fd::{self, OwnedFd};
use super::uapi::{SignalSet, NSIG, PROCFS};
use super::Buffer;
use crate::errno::{Errno, Result};
use core::mem::MaybeUninit;

/// The signals that have a handler, if the caller is the only thread, so that nobody else changes that.  None where it
/// is not, and where procfs does not tell: each signal can be asked for.
pub fn handlers_of_only_thread() -> Option<SignalSet> {
    handlers_in(open()?)
}

// Not inlined, so that its buffer does not enlarge the caller's frame, below which the child runs and the file is
// opened.
#[inline(never)]
fn handlers_in(file: OwnedFd) -> Option<SignalSet> {
    // What is not read need not be looked through.  If the lines are further up they are not found.
    fd::seek(file.raw(), BEFORE).ok()?;
    let mut room = MaybeUninit::uninit();
    let Buffer(text) = super::zeroed::<Buffer<512>>(&mut room);
    let length = fd::read(file.raw(), text).ok()?;
    parse(text.get(..length)?)
}

#[inline(never)]
fn open() -> Option<OwnedFd> {
    let file = fd::open_read_only(b"/proc/self/status\0").ok()?;
    if fd::file_system(file.raw()) != Ok(PROCFS) {
        return None;
    }
    Some(file)
}

/// How many numbers the calling process has, from the PID namespace of procfs down.  They come after its groups, of
/// which there may be many.
#[inline(never)]
pub fn own_numbers() -> Result<usize> {
    let file = fd::open_read_only(b"/proc/self/status\0")?;
    let mut room = MaybeUninit::uninit();
    let Buffer(text) = super::zeroed::<Buffer<512>>(&mut room);
    let mut numbers = Numbers::default();
    loop {
        match fd::read(file.raw(), text)? {
            // A file of another kind.
            0 => return Err(Errno(libc::ENOENT)),
            length => {
                if let Some(count) = numbers.count(text.get(..length).unwrap_or_default()) {
                    return Ok(count);
                }
            }
        }
    }
}

/// Looks for their line, which comes in parts.
#[derive(Default)]
struct Numbers {
    /// How much of its name was seen,
    matched: usize,
    /// and how many of them.
    seen: usize,
}

impl Numbers {
    /// How many there are, once the line has ended.
    fn count(&mut self, text: &[u8]) -> Option<usize> {
        const NAME: &[u8] = b"\nNSpid:";
        for &byte in text {
            match NAME.get(self.matched) {
                Some(&next) if byte == next => self.matched += 1,
                Some(_) => self.matched = usize::from(byte == b'\n'),
                None if byte == b'\n' => return Some(self.seen),
                None => self.seen += usize::from(byte == b'\t'),
            }
        }
        None
    }
}

/// So much of the file stands before the lines in question, on every kernel that was seen.
const BEFORE: usize = 448;

/// Incomplete lines are ignored.  The threads are counted before the signals.
fn parse(text: &[u8]) -> Option<SignalSet> {
    let mut is_only_thread = false;
    for line in text.split(|&byte| byte == b'\n').skip(1) {
        match line {
            b"Threads:\t1" => is_only_thread = true,
            [b'S', b'i', b'g', b'C', b'g', b't', b':', b'\t', set @ ..] if is_only_thread && set.len() == DIGITS => {
                return parse_set(set)
            }
            _ => {}
        }
    }
    None
}

/// Of a set.
const DIGITS: usize = NSIG as usize / 4;

/// The number whose lowest bit stands for signal 1.
fn parse_set(digits: &[u8]) -> Option<SignalSet> {
    let mut set = SignalSet::EMPTY;
    for (word, digits) in set.0.iter_mut().zip(digits.rchunks(usize::BITS as usize / 4)) {
        *word = digits.iter().try_fold(0, add_digit)?;
    }
    Some(set)
}

fn add_digit(value: usize, &digit: &u8) -> Option<usize> {
    let digit = match digit {
        b'0'..=b'9' => digit.wrapping_sub(b'0'),
        b'a'..=b'f' => digit.wrapping_sub(b'a' - 10),
        _ => return None,
    };
    Some(value << 4 | usize::from(digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_is_that_of_a_process_with_one_thread() {
        let number = 0x8000_0001_fabc_0400_u64;
        let text = format!("x\nThreads:\t1\nSigIgn:\t{:0>DIGITS$x}\nSigCgt:\t{number:0>DIGITS$x}\nCapInh:\t0\n", 1);
        let signals: Vec<_> = (1..=64).filter(|signal| number >> (signal - 1) & 1 != 0).collect();
        assert_eq!(parse(text.as_bytes()), Some(SignalSet::of(&signals)));
    }

    #[test]
    fn numbers_are_counted_in_whatever_parts_they_come() {
        let text = b"Pid:\t7\nNSpid:\t7\t2\nNSpgid:\t7\t7\t1\n";
        for size in 1..text.len() {
            let mut numbers = Numbers::default();
            assert_eq!(text.chunks(size).find_map(|part| numbers.count(part)), Some(2));
        }
        assert_eq!(Numbers::default().count(b"Pid:\t7\n\nNSpid:\t7\n"), Some(1));
        for text in [&b""[..], b"Pid:\t7\n", b"Pid:\t7\nNSpid:\t7\t2", b"\nANSpid:\t7\n"] {
            assert_eq!(Numbers::default().count(text), None);
        }
    }

    #[test]
    fn anything_else_is_not_believed() {
        for text in [
            &b""[..],
            b"x\nThreads:\t2\nSigCgt:\t0000000000000400\n",
            b"x\nThreads:\t10\nSigCgt:\t0000000000000400\n",
            b"x\nThreads:\t1\nSigIgn:\t0000000000000400\n",
            b"x\nSigCgt:\t0000000000000400\n",
            b"x\nThreads:\t1\nASigCgt:\t0000000000000400\n",
            b"x\nManyThreads:\t1\nSigCgt:\t0000000000000400\n",
            // The text can begin or end within a line.
            b"Threads:\t1\nSigCgt:\t0000000000000400\n",
            b"x\nThreads:\t1\nSigCgt:\t00000000000004",
            b"x\nThreads:\t1\nSigCgt:\t000000000000040g\n",
            b"x\nThreads:\t1\nSigCgt:\t00000000000000400\n",
        ] {
            assert_eq!(parse(text), None, "{:?}", String::from_utf8_lossy(text));
        }
    }

    /// The test runs in a thread of its own beside the main thread.
    #[test]
    fn among_threads_nothing_is_said() {
        assert_eq!(handlers_of_only_thread(), None);
    }
}
