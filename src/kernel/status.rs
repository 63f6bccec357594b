//! What the kernel tells of this process as text, in /proc/self/status.

// Sound because: the types are numbers, of which zeroes are values.
#![allow(unsafe_code)]

use super::fd::{self, OwnedFd};
use super::uapi::{SignalSet, NSIG, PROCFS};
use super::{Buffer, Zeroable};
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

/// The file.
#[inline(never)]
pub fn open() -> Option<OwnedFd> {
    let file = fd::open_read_only(b"/proc/self/status\0").ok()?;
    if fd::file_system(file.raw()) != Ok(PROCFS) {
        return None;
    }
    Some(file)
}

/// How many numbers the calling process has, from the PID namespace of procfs down.  They come after its groups, of
/// which there may be many.
#[inline(never)]
pub fn own_numbers() -> Option<usize> {
    let file = fd::open_read_only(b"/proc/self/status\0").ok()?;
    let mut room = MaybeUninit::uninit();
    let Buffer(text) = super::zeroed::<Buffer<512>>(&mut room);
    let mut numbers = Numbers::default();
    loop {
        match fd::read(file.raw(), text) {
            Ok(length) if length > 0 => {
                if let Some(count) = numbers.count(text.get(..length)?) {
                    return Some(count);
                }
            }
            _ => return None,
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

/// By what the calling process is permitted anything.
#[cfg_attr(test, derive(Debug, PartialEq))]
pub struct Credentials {
    /// Real, effective, saved, and that by which files are opened.
    pub users: [u32; 4],
    pub groups: [u32; 4],
    pub inheritable: u64,
    pub permitted: u64,
    pub bounding: u64,
    pub no_new_privs: bool,
    /// How many of these have been found.
    found: usize,
}

/// The calls that set the ID for files, and give the old one, are more than a sandbox allows to many who do not need
/// them.
#[inline(never)]
pub fn credentials(file: OwnedFd, room: &mut MaybeUninit<Credentials>) -> Option<&Credentials> {
    let credentials = super::zeroed(room);
    let mut room = MaybeUninit::uninit();
    let cut = super::zeroed::<Line>(&mut room);
    let mut room = MaybeUninit::uninit();
    let Buffer(text) = super::zeroed::<Buffer<512>>(&mut room);
    while credentials.found < Credentials::PARTS {
        match fd::read(file.raw(), text) {
            Ok(length) if length > 0 => credentials.take_part(text.get(..length)?, cut)?,
            _ => return None,
        }
    }
    Some(credentials)
}

// SAFETY: numbers and a truth value.
unsafe impl Zeroable for Credentials {}
// SAFETY: numbers.
unsafe impl Zeroable for Line {}

/// The beginning of a line that one part of the file ends within.
struct Line {
    text: [u8; 48],
    length: usize,
}

impl Line {
    fn append(&mut self, part: &[u8]) {
        for &byte in part {
            if let Some(place) = self.text.get_mut(self.length) {
                *place = byte;
                self.length += 1;
            }
        }
    }
}

impl Credentials {
    const PARTS: usize = 6;

    fn take_part(&mut self, mut part: &[u8], cut: &mut Line) -> Option<()> {
        while let Some(end) = part.iter().position(|&byte| byte == b'\n') {
            let line = part.get(..end)?;
            if cut.length == 0 {
                self.take(line)?;
            } else {
                cut.append(line);
                self.take(cut.text.get(..cut.length)?)?;
                cut.length = 0;
            }
            part = part.get(end + 1..)?;
        }
        cut.append(part);
        Some(())
    }

    fn take(&mut self, line: &[u8]) -> Option<()> {
        match line {
            [b'U', b'i', b'd', b':', b'\t', ids @ ..] => self.users = four(ids)?,
            [b'G', b'i', b'd', b':', b'\t', ids @ ..] => self.groups = four(ids)?,
            [b'C', b'a', b'p', b'I', b'n', b'h', b':', b'\t', set @ ..] => self.inheritable = hexadecimal(set)?,
            [b'C', b'a', b'p', b'P', b'r', b'm', b':', b'\t', set @ ..] => self.permitted = hexadecimal(set)?,
            [b'C', b'a', b'p', b'B', b'n', b'd', b':', b'\t', set @ ..] => self.bounding = hexadecimal(set)?,
            [b'N', b'o', b'N', b'e', b'w', b'P', b'r', b'i', b'v', b's', b':', b'\t', flag] => {
                self.no_new_privs = *flag == b'1'
            }
            _ => return Some(()),
        }
        self.found += 1;
        Some(())
    }
}

/// Four decimal numbers with tabs between them.
fn four(text: &[u8]) -> Option<[u32; 4]> {
    let mut numbers = [0_u32; 4];
    let mut index = 0;
    for &byte in text {
        if byte == b'\t' {
            index += 1;
        } else {
            let number = numbers.get_mut(index)?;
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            *number = number.wrapping_mul(10).wrapping_add(u32::from(digit));
        }
    }
    if index == 3 {
        Some(numbers)
    } else {
        None
    }
}

fn hexadecimal(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0_u64, |value, byte| Some(value << 4 | add_digit(0, byte)? as u64))
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

    /// What the file says, in parts of that size, until all is found.
    fn credentials_of(text: &str, size: usize) -> Option<Credentials> {
        let (mut room, mut line) = (MaybeUninit::uninit(), MaybeUninit::uninit());
        let credentials = crate::kernel::zeroed::<Credentials>(&mut room);
        let cut = crate::kernel::zeroed(&mut line);
        for part in text.as_bytes().chunks(size) {
            credentials.take_part(part, cut)?;
        }
        if credentials.found == Credentials::PARTS {
            return Some(unsafe { room.assume_init() });
        }
        None
    }

    #[test]
    fn credentials_in_the_file() {
        let caps = "CapInh:\t0000000000000001\nCapPrm:\t000001ffffffffff\nCapEff:\t0\nCapBnd:\tfedcba9876543210\n";
        let text = format!(
            "Name:\t{}\nUid:\t1\t2\t3\t4294967295\nGid:\t5\t6\t7\t8\n\n{caps}NoNewPrivs:\t1\nx\n",
            "x".repeat(99)
        );
        let expected = || Credentials {
            users: [1, 2, 3, u32::MAX],
            groups: [5, 6, 7, 8],
            inheritable: 1,
            permitted: 0x1ff_ffff_ffff,
            bounding: 0xfedc_ba98_7654_3210,
            no_new_privs: true,
            found: Credentials::PARTS,
        };
        for size in 1..text.len() {
            assert_eq!(credentials_of(&text, size), Some(expected()));
        }
        for (from, to) in [("\t3\t", "\t"), ("Uid", "AUid"), ("CapBnd", "CapAmb"), ("\t8\n", "\tx\n"), ("1ff", "1FF")] {
            assert_eq!(credentials_of(&text.replace(from, to), 512), None, "{to}");
        }
        let mut room = MaybeUninit::uninit();
        let own = credentials(open().unwrap(), &mut room).expect("there is a procfs");
        assert_eq!(own.users[..3], crate::kernel::process::user_ids().unwrap());
        assert_eq!(own.groups[..3], crate::kernel::process::group_ids().unwrap());
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
