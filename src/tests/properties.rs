//! What holds for every input of the parsers: fdinfo's text, the objects of both libcs, and the arguments of
//! pidfd_spawn_ext.
//!
//! Unit tests try random inputs, the targets in fuzz/ look for better ones.  The objects are put together here by
//! offsets, not by the decoders' own structures, so that a wrong structure is noticed.

// Sound because: the memory that the decoders read is laid out here and outlives them.
#![allow(unsafe_code)]

use crate::errno::{Errno, Result};
use crate::getpid;
use crate::kernel::uapi::{SignalSet, NSIG};
use crate::libc_abi::{flag, same, Attributes, FileAction, FileActions, Libc};
use crate::spawn::extended::args::pidfd_spawn_args;
use libc::{c_char, c_int, c_void};
use std::ffi::CString;
use std::mem::{size_of, MaybeUninit};
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
    let word = |offset, index: usize| usize::from_ne_bytes(object.get(offset + index * WORD));
    let has = |offset, bit: usize| word(offset, bit / (8 * WORD)) >> (bit % (8 * WORD)) & 1 != 0;
    let signals = |offset| (1..=NSIG).filter(|&signal| has(offset, signal as usize - 1)).collect::<Vec<_>>();
    let set = |offset| SignalSet::of(&signals(offset));
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

/// A structure of these bytes, of whatever size, is read no further than its size and comes out as it went in, or is
/// the error that the contract says.  A member counts only if its flag is set, so all others are anything.  Gives
/// whether it was accepted.
pub fn spawn_args(bytes: &[u8]) -> bool {
    let mut input = Input(bytes);
    let size = input.size();
    let mut image = vec![0; size];
    let given = size.min(args::SIZE);
    image[..given].copy_from_slice(&input.padded(given));
    // Members of tomorrow, seldom used.
    if input.number(1) >= 0xc0 {
        for byte in &mut image[given..] {
            *byte = input.number(1) as u8;
        }
    }
    let mut put = |offset: usize, value: &[u8]| {
        if let Some(place) = image.get_mut(offset..offset + value.len()) {
            place.copy_from_slice(value);
        }
    };
    let mut flags = u64::from(input.number(4)) << 32 | u64::from(input.number(4));
    if input.number(1) < 0xf0 {
        flags &= args::KNOWN;
    }
    put(args::FLAGS, &flags.to_ne_bytes());
    // Random numbers are seldom what is wanted of all members at once.
    for (offset, limit) in args::NUMBERS {
        match input.number(1) {
            0..=0xe7 => put(offset, &(input.number(4) % limit).to_ne_bytes()),
            0xe8..=0xef => put(offset, &limit.to_ne_bytes()),
            0xf0..=0xf7 => put(offset, &u32::MAX.to_ne_bytes()),
            _ => {}
        }
    }
    if input.number(1) < 0xf0 {
        put(args::RESERVED, &[0; 4]);
    }
    // What a caller promises: pointers to as much as the counts say, or NULL.
    let inherit = input.array(flags, args::CLOEXEC_FROM, 4, i32::MAX as u32);
    let limits = input.array(flags, args::SETRLIMITS, 24, 15);
    let groups = input.array(flags, args::SETGROUPS, 4, u32::MAX - 1);
    for (array, pointer, count) in [
        (&inherit, args::INHERIT, args::INHERIT_COUNT),
        (&limits, args::LIMITS, args::LIMIT_COUNT),
        (&groups, args::GROUPS, args::GROUP_COUNT),
    ] {
        if let Some(Array { memory, count: length, .. }) = array {
            put(pointer, &memory.as_ref().map_or(0, |memory| memory.start() as usize).to_ne_bytes());
            put(count, &length.to_ne_bytes());
        }
    }
    if input.number(1) < 0x80 {
        put(args::IGNORE, &[0; WORD]);
    }
    let expected = args::expected(&image, flags, [&inherit, &limits, &groups]);

    let place = Guarded::new(&image);
    let mut room = MaybeUninit::uninit();
    let result = unsafe {
        pidfd_spawn_args::copy(&mut room, place.start().cast(), size).and_then(|args| args.check().map(|()| args))
    };
    let copied = result.map(|args| {
        let bytes = (args as *const pidfd_spawn_args).cast::<u8>();
        unsafe { std::slice::from_raw_parts(bytes, args::SIZE) }.to_vec()
    });
    assert_eq!(copied, expected.map(|()| padded(&image, args::SIZE)), "size {size}, flags {flags:#x}");
    copied.is_ok()
}

/// Where the members of `struct pidfd_spawn_args` lie, counted by hand.
mod args {
    use super::{Array, NSIG, WORD};
    use crate::errno::{Errno, Result};

    pub const SIZE: usize = 56 + 4 * WORD;
    pub const FLAGS: usize = 0;
    const EXEC_FD: usize = 8;
    const FIRST: usize = 12;
    pub const INHERIT: usize = 16;
    pub const LIMITS: usize = 16 + WORD;
    pub const INHERIT_COUNT: usize = 16 + 2 * WORD;
    pub const LIMIT_COUNT: usize = 20 + 2 * WORD;
    pub const IGNORE: usize = 24 + 2 * WORD;
    const UMASK: usize = 24 + 3 * WORD;
    const TERMINAL: usize = 28 + 3 * WORD;
    const CGROUP: usize = 32 + 3 * WORD;
    pub const GROUP_COUNT: usize = 36 + 3 * WORD;
    pub const GROUPS: usize = 40 + 3 * WORD;
    const GID: usize = 40 + 4 * WORD;
    const UID: usize = 44 + 4 * WORD;
    const DEATH_SIGNAL: usize = 48 + 4 * WORD;
    pub const RESERVED: usize = 52 + 4 * WORD;

    /// The members of 32 bits, and a number that most valid values are below.
    pub const NUMBERS: [(usize, u32); 8] = [
        (EXEC_FD, 1 << 31),
        (FIRST, 1 << 31),
        (UMASK, 0o1001),
        (TERMINAL, 1 << 31),
        (CGROUP, 1 << 31),
        (GID, u32::MAX),
        (UID, u32::MAX),
        (DEATH_SIGNAL, 66),
    ];

    pub const KNOWN: u64 = 0x1_ffff;
    pub const CLOEXEC_FROM: u64 = 1 << 3;
    pub const SETRLIMITS: u64 = 1 << 4;
    pub const SETGROUPS: u64 = 1 << 10;

    /// What the contract says.
    pub(super) fn expected(image: &[u8], flags: u64, arrays: [&Option<Array>; 3]) -> Result<()> {
        let size = image.len();
        if size < 8 {
            return Err(Errno(libc::EINVAL));
        }
        if size > 4096 || image.iter().skip(SIZE).any(|&byte| byte != 0) {
            return Err(Errno(libc::E2BIG));
        }
        let has = |bit: u32| flags >> bit & 1 != 0;
        let unsigned = |offset: usize| {
            image.get(offset..offset + 4).map(|bytes| u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
        };
        // A member that is not there is as bad as one that is wrong.
        let number = |offset, is_valid: fn(u32) -> bool| unsigned(offset).map_or(false, is_valid);
        let descriptor = |offset| number(offset, |value| value as i32 >= 0);
        let [inherit, limits, groups] = arrays;
        let array = |array: &Option<Array>, pointer: usize, count: usize| {
            size >= pointer + WORD && size >= count + 4 && array.as_ref().map_or(false, |array| array.is_valid)
        };
        let ignores = image.get(IGNORE..IGNORE + WORD).map_or(false, |bytes| bytes.iter().any(|&byte| byte != 0));
        let fits = flags & !KNOWN == 0
            && [0, 1, 2].iter().filter(|&&bit| has(bit)).count() <= 1
            && (!has(2) || descriptor(EXEC_FD))
            && (!has(3) || descriptor(FIRST) && array(inherit, INHERIT, INHERIT_COUNT))
            && (!has(4) || array(limits, LIMITS, LIMIT_COUNT))
            && (!has(5) || number(UMASK, |mask| mask <= 0o777))
            && (!has(6) || ignores)
            && (!has(7) || descriptor(TERMINAL))
            && (!has(8) || descriptor(CGROUP))
            && (!has(9) || has(8))
            && (!has(10) || array(groups, GROUPS, GROUP_COUNT))
            && (!has(11) || number(GID, |id| id != u32::MAX))
            && (!has(12) || number(UID, |id| id != u32::MAX))
            && (!has(14) || number(DEATH_SIGNAL, |signal| (1..=NSIG as u32).contains(&signal)))
            && image.iter().skip(RESERVED).all(|&byte| byte == 0);
        if fits {
            Ok(())
        } else {
            Err(Errno(libc::EINVAL))
        }
    }
}

/// What a pointer and a count stand for.
struct Array {
    /// None: the pointer is NULL.
    memory: Option<Memory>,
    count: u32,
    is_valid: bool,
}

/// Bytes that are used up; then there are zeroes.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn take(&mut self, count: usize) -> &[u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn padded(&mut self, count: usize) -> Vec<u8> {
        padded(self.take(count), count)
    }

    fn number(&mut self, bytes: usize) -> u32 {
        self.take(bytes).iter().fold(0, |value, &byte| value << 8 | u32::from(byte))
    }

    /// Most of them near to where something changes.
    fn size(&mut self) -> usize {
        match self.number(1) as usize {
            0 => 4096,
            1 => 4097,
            small @ 2..=0x9f => args::SIZE.min(small),
            more @ 0xa0..=0xdf => args::SIZE + more - 0xa0,
            _ => self.number(2) as usize % 5000,
        }
    }

    /// An array for the member with that flag, if it is set; most elements begin with a number up to the highest.
    fn array(&mut self, flags: u64, flag: u64, element: usize, highest: u32) -> Option<Array> {
        if flags & flag == 0 {
            return None;
        }
        let count = match self.number(1) {
            0xe0..=0xef if flag == args::SETGROUPS => 65_537,
            0xf0..=0xff if flag == args::SETGROUPS => 65_536,
            small => small % 8,
        };
        if self.number(1) >= 0xf0 {
            return Some(Array { memory: None, count, is_valid: count == 0 });
        }
        let mut memory = Memory::new(element * count as usize);
        let mut is_valid = flag != args::SETGROUPS || count <= 65_536;
        for index in 0..count as usize {
            if self.0.is_empty() {
                // The rest is zeroes, which are valid.
                break;
            }
            let (first, second) = match self.number(1) {
                0..=0xef => (self.number(4) % highest, 0),
                0xf0..=0xf7 => (highest + 1, 0),
                _ => (self.number(4), self.number(4)),
            };
            memory.put(index * element, &first.to_ne_bytes());
            is_valid &= match flag {
                args::CLOEXEC_FROM => first <= i32::MAX as u32,
                args::SETGROUPS => first != u32::MAX,
                _ => first < 16 && second == 0,
            };
            if element > 4 {
                memory.put(index * element + 4, &second.to_ne_bytes());
            }
        }
        Some(Array { memory: Some(memory), count, is_valid })
    }
}

fn padded(bytes: &[u8], length: usize) -> Vec<u8> {
    let mut all = bytes[..bytes.len().min(length)].to_vec();
    all.resize(length, 0);
    all
}

/// Memory behind which nothing can be read.
struct Guarded {
    pages: *mut c_void,
    length: usize,
}

impl Guarded {
    /// Two pages, and one that is not there.
    const ALL: usize = 3 * 4096;
    const READABLE: usize = 2 * 4096;

    fn new(bytes: &[u8]) -> Self {
        assert!(bytes.len() <= Self::READABLE);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let pages = unsafe { libc::mmap(ptr::null_mut(), Self::ALL, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        assert_ne!(pages, libc::MAP_FAILED);
        let place = Guarded { pages, length: bytes.len() };
        unsafe {
            ptr::copy_nonoverlapping(bytes.as_ptr(), place.start() as *mut u8, bytes.len());
            let end = pages.cast::<u8>().add(Self::READABLE).cast();
            assert_eq!(libc::mprotect(end, Self::ALL - Self::READABLE, libc::PROT_NONE), 0);
        }
        place
    }

    fn start(&self) -> *const u8 {
        unsafe { self.pages.cast::<u8>().add(Self::READABLE - self.length) }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        unsafe { libc::munmap(self.pages, Self::ALL) };
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
        let tests = often(20_000);
        QuickCheck::new().tests(tests).max_tests(tests).min_tests_passed(tests).quickcheck(property);
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

    #[test]
    #[cfg_attr(miri, ignore)] // It has no mprotect.
    fn spawn_args() {
        holds(
            (|bytes: Vec<u8>| {
                super::spawn_args(&bytes);
            }) as fn(_),
        );
    }

    /// The generator's vectors are seldom as long as all members.
    #[test]
    #[cfg_attr(miri, ignore)] // It has no mprotect.
    fn spawn_args_with_many_members() {
        let mut gen = Gen::new(512);
        let mut accepted = 0;
        for _ in 0..5000 {
            let bytes: Vec<u8> = (0..400).map(|_| u8::arbitrary(&mut gen)).collect();
            accepted += u32::from(super::spawn_args(&bytes));
        }
        assert!(accepted > 50, "{accepted}");
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
