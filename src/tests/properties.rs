//! What holds for every input of the parsers: fdinfo's text, and the objects of both libcs.
//!
//! Unit tests try random inputs, the targets in fuzz/ look for better ones.  The objects are put together here by
//! offsets, not by the decoders' own structures, so that a wrong structure is noticed.

// Sound because: the memory that the decoders read is laid out here and outlives them.
#![allow(unsafe_code)]

use crate::errno::{Errno, Result};
use crate::getpid;
use crate::kernel::uapi::SignalSet;
use crate::libc_abi::{flag, same, Attributes, FileAction, FileActions, Libc};
use libc::{c_char, c_int, c_void};
use std::ffi::CString;
use std::mem::size_of;
use std::ptr;

/// The first line `Pid:<tab>N` whose N is -1 or a number that fits counts.
pub fn fdinfo(text: &[u8]) {
    let expected = text.split(|&byte| byte == b'\n').find_map(|line| {
        let number = std::str::from_utf8(line.strip_prefix(b"Pid:\t")?).ok()?;
        let counts = number == "-1" || number.bytes().all(|byte| byte.is_ascii_digit());
        number.parse::<i32>().ok().filter(|_| counts)
    });
    assert_eq!(getpid::parse(text), expected, "{:?}", String::from_utf8_lossy(text));
}

const WORD: usize = size_of::<usize>();

/// Actions made from the bytes come out of glibc's array as they went in, oldest first, and unknown ones as errors.
pub fn glibc_actions(bytes: &[u8]) {
    let added = added_actions(bytes);
    let (fd, path, flags) = (WORD, 2 * WORD, 3 * WORD);
    let record_size = if WORD == 8 { 32 } else { 20 };
    let mut records = Memory::new(added.len() * record_size);
    let mut expected = vec![];
    for (index, action) in added.iter().enumerate() {
        let mut put = |offset, value: &[u8]| records.put(index * record_size + offset, value);
        let &Added { kind, first, second, mode, path: ref text } = action;
        put(0, &kind.to_ne_bytes());
        let pointer = text.as_ptr();
        match kind {
            1 => {
                put(fd, &first.to_ne_bytes());
                put(fd + 4, &second.to_ne_bytes());
            }
            2 => {
                put(fd, &first.to_ne_bytes());
                put(path, bytes_of(&pointer));
                put(flags, &second.to_ne_bytes());
                put(flags + 4, &mode.to_ne_bytes());
            }
            3 => put(fd, bytes_of(&pointer)),
            _ => put(fd, &first.to_ne_bytes()),
        }
        expected.push(match kind {
            0 => Ok(FileAction::Close { fd: first }),
            1 => Ok(FileAction::Dup2 { from: first, to: second }),
            2 => Ok(FileAction::Open { fd: first, path: pointer, flags: second, mode }),
            3 => Ok(FileAction::Chdir { path: pointer }),
            4 => Ok(FileAction::Fchdir { fd: first }),
            5 => Ok(FileAction::CloseFrom { first }),
            6 => Ok(FileAction::SetForegroundGroup { terminal: first }),
            _ => Err(Errno(libc::EINVAL)),
        });
    }
    let mut object = Memory::new(80);
    object.put(4, &(added.len() as c_int).to_ne_bytes());
    object.put(8, bytes_of(&records.start()));
    come_out(Libc::Glibc, &object, &expected);
}

/// The same for musl's list.
pub fn musl_actions(bytes: &[u8]) {
    let added = added_actions(bytes);
    let (command, path) = (2 * WORD, 2 * WORD + 20);
    let mut nodes: Vec<Memory> = vec![];
    let mut expected = vec![];
    for action in &added {
        let &Added { kind, first, second, mode, path: ref text } = action;
        let text = text.as_bytes_with_nul();
        let mut node = Memory::new(path + text.len());
        node.put(path, text);
        for (index, value) in [kind, first, second, second].iter().enumerate() {
            node.put(command + 4 * index, &value.to_ne_bytes());
        }
        node.put(command + 16, &mode.to_ne_bytes());
        if let Some(older) = nodes.last_mut() {
            node.put(0, bytes_of(&older.start()));
            older.put(WORD, bytes_of(&node.start()));
        }
        let path = unsafe { node.start().cast::<c_char>().add(path) };
        expected.push(match kind {
            1 => Ok(FileAction::Close { fd: first }),
            2 => Ok(FileAction::Dup2 { from: second, to: first }),
            3 => Ok(FileAction::Open { fd: first, path, flags: second, mode }),
            4 => Ok(FileAction::Chdir { path }),
            5 => Ok(FileAction::Fchdir { fd: first }),
            _ => Err(Errno(libc::EINVAL)),
        });
        nodes.push(node);
    }
    let mut object = Memory::new(80);
    if let Some(newest) = nodes.last() {
        object.put(8, bytes_of(&newest.start()));
    }
    come_out(Libc::Musl, &object, &expected);
}

/// An attributes object of these bytes is read from the right places; one with an unknown flag is an error.
pub fn attributes(bytes: &[u8]) {
    let mut object = Memory::new(336);
    object.put(0, &bytes[..bytes.len().min(336)]);
    let int = |offset| c_int::from_ne_bytes(object.get(offset));
    // The word with signal 1 comes first.
    let word = |offset| match WORD {
        8 => u64::from_ne_bytes(object.get(offset)),
        _ => u32::from_ne_bytes(object.get(offset)).into(),
    };
    let set = |offset| SignalSet(if WORD == 8 { word(offset) } else { word(offset) | word(offset + 4) << 32 });
    let expected = |flags: u32, cgroup| {
        let decoded = Attributes {
            flags,
            group: int(4),
            default_signals: set(8),
            mask: set(136),
            priority: int(264),
            policy: int(268),
            cgroup,
        };
        if flags & !flag::KNOWN == 0 {
            Ok(decoded)
        } else {
            Err(Errno(libc::EINVAL))
        }
    };
    let short = u16::from_ne_bytes(object.get(0));
    unsafe {
        let glibc = Attributes::new(Libc::Glibc, object.start());
        assert_eq!(glibc, expected(short.into(), int(272)));
        let musl = Attributes::new(Libc::Musl, object.start());
        assert_eq!(musl, expected(int(0) as u32, int(272 + WORD)));
    }
}

/// Memory to lay an object out in, aligned for everything that a libc keeps there.
struct Memory(Vec<u64>);

impl Memory {
    fn new(bytes: usize) -> Self {
        Memory(vec![0; (bytes + 7) / 8])
    }

    fn put(&mut self, offset: usize, value: &[u8]) {
        assert!(offset + value.len() <= self.0.len() * 8);
        unsafe { ptr::copy_nonoverlapping(value.as_ptr(), self.0.as_mut_ptr().cast::<u8>().add(offset), value.len()) }
    }

    fn get<const N: usize>(&self, offset: usize) -> [u8; N] {
        assert!(offset + N <= self.0.len() * 8);
        unsafe { self.0.as_ptr().cast::<u8>().add(offset).cast::<[u8; N]>().read() }
    }

    fn start(&self) -> *const c_void {
        self.0.as_ptr().cast()
    }
}

/// The bytes that a pointer consists of; not those of a number, from which Miri makes no pointer.
fn bytes_of<T>(pointer: &*const T) -> &[u8; WORD] {
    unsafe { &*(pointer as *const *const T).cast() }
}

/// One call of a function that adds an action.
struct Added {
    kind: c_int,
    first: c_int,
    second: c_int,
    mode: u32,
    path: CString,
}

/// Reads calls from the bytes until they are used up.
fn added_actions(mut bytes: &[u8]) -> Vec<Added> {
    let mut added = vec![];
    while !bytes.is_empty() {
        let mut take = |count: usize| {
            let (taken, rest) = bytes.split_at(count.min(bytes.len()));
            bytes = rest;
            taken
        };
        let mut number = |count| take(count).iter().fold(0, |value: u32, &byte| value << 8 | u32::from(byte));
        let small = number(1);
        // Most of them known to one libc or the other.
        let kind = if small < 0xe0 { small % 8 } else { number(4) } as c_int;
        let (first, second, mode) = (number(4) as c_int, number(4) as c_int, number(2));
        let length = number(1);
        let path: Vec<u8> = take(length as usize).iter().copied().filter(|&byte| byte != 0).collect();
        added.push(Added { kind, first, second, mode, path: CString::new(path).unwrap_or_default() });
    }
    added
}

fn come_out(libc: Libc, object: &Memory, expected: &[Result<FileAction>]) {
    let decoded: Vec<_> = unsafe { FileActions::new(libc, object.start()) }.collect();
    assert_eq!(decoded.len(), expected.len());
    for (index, pair) in decoded.iter().zip(expected).enumerate() {
        let as_expected = match pair {
            (Ok(decoded), Ok(expected)) => unsafe { same(*decoded, *expected) },
            (Err(decoded), Err(expected)) => decoded == expected,
            _ => false,
        };
        assert!(as_expected, "action {index}: decoded, expected: {pair:?}");
    }
}

#[cfg(test)]
mod tests {
    use quickcheck::{Arbitrary, Gen, QuickCheck, Testable};

    /// Text that often looks like fdinfo, and sometimes nearly so.
    #[derive(Clone, Debug)]
    struct NearlyFdinfo(Vec<u8>);

    impl Arbitrary for NearlyFdinfo {
        fn arbitrary(gen: &mut Gen) -> Self {
            const PIECES: [&[u8]; 16] = [
                b"Pid:\t",
                b"\n",
                b"NSpid:\t",
                b"pos:\t0\n",
                b"flags:\t02000002\n",
                b"Pid:",
                b"\t",
                b"-1",
                b"-",
                b"0",
                b"2147483647",
                b"2147483648",
                b"7",
                b"1234",
                b" ",
                b"\xff",
            ];
            let pieces = Vec::<u8>::arbitrary(gen);
            // Every other time the first is the one that matters.
            let first = bool::arbitrary(gen).then_some(0);
            let pieces = first.iter().chain(&pieces);
            NearlyFdinfo(pieces.flat_map(|&piece| PIECES[usize::from(piece) % 16].to_vec()).collect())
        }
    }

    /// Miri takes seconds for what takes a millisecond otherwise.
    const fn often(times: u64) -> u64 {
        if cfg!(miri) {
            times / 2000
        } else {
            times
        }
    }

    fn holds(property: impl Testable) {
        QuickCheck::new().tests(often(20_000)).quickcheck(property);
    }

    #[test]
    fn fdinfo() {
        holds((|text: NearlyFdinfo| super::fdinfo(&text.0)) as fn(_));
    }

    #[test]
    fn fdinfo_of_any_bytes() {
        holds((|text: Vec<u8>| super::fdinfo(&text)) as fn(_));
    }

    #[test]
    fn glibc_actions() {
        holds((|bytes: Vec<u8>| super::glibc_actions(&bytes)) as fn(_));
    }

    #[test]
    fn musl_actions() {
        holds((|bytes: Vec<u8>| super::musl_actions(&bytes)) as fn(_));
    }

    #[test]
    fn attributes() {
        holds((|bytes: Vec<u8>| super::attributes(&bytes)) as fn(_));
    }

    /// Random bits seldom hold known flags alone, and the generator's vectors are seldom as long as an object.
    #[test]
    fn attributes_with_known_flags() {
        let mut gen = Gen::new(512);
        for round in 0..often(1000) as u32 {
            let mut bytes: Vec<u8> = (0..336).map(|_| u8::arbitrary(&mut gen)).collect();
            bytes[..4].copy_from_slice(&(round & 0x1ff).to_ne_bytes());
            super::attributes(&bytes);
        }
    }
}
