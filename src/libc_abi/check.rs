//! Recognises the running libc: its own functions fill file actions and attributes, and a decoder must read back what
//! they were told.  When neither does, nothing is guessed.

// Sound because: the objects are larger than any libc's and are given to the libc's own functions before a decoder sees
// them; musl's decoder, which follows pointers, runs only after the first node looked right.
#![allow(unsafe_code)]

use super::{flag, glibc, musl, same, weak, Attributes, FileAction, FileActions, Libc};
use crate::kernel;
use crate::kernel::uapi::SignalSet;
use core::mem::MaybeUninit;
use core::ptr;
use libc::{c_char, c_int, c_void};

/// Room for a libc's object, larger and better aligned than any of them.
#[repr(C, align(16))]
struct Room<T>(MaybeUninit<T>, [usize; 32]);

// SAFETY: memory that holds nothing yet, and words.
unsafe impl<T> kernel::Zeroable for Room<T> {}

/// Zeroes the room and gives the object in it.
fn zeroed<T>(room: &mut MaybeUninit<Room<T>>) -> *mut T {
    let room: *mut Room<T> = kernel::zeroed(room);
    room.cast()
}

/// What the examination found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recognition {
    /// The libc whose layouts its own functions were seen to produce.
    Seen(Libc),
    /// Most likely that one, but its functions refuse descriptors below 2, for the limit is lower, or have no memory.
    NotNow(Libc),
    Unknown,
}

/// Whether `recognise` allocates nothing.  glibc's functions fill an array that they are given, if they have the layout
/// of the releases that are known.
pub fn is_examined_without_allocation() -> bool {
    const KNOWN: core::ops::RangeInclusive<u32> = 17..=44;
    weak::glibc_minor_version().map_or(false, |minor| KNOWN.contains(&minor)) && likely_libc() == Libc::Glibc
}

/// By what a new object looks like: glibc's is all zeroes, musl's function clears the head of the list alone.
fn likely_libc() -> Libc {
    let mut room = MaybeUninit::uninit();
    let object: *mut libc::posix_spawn_file_actions_t = zeroed(&mut room);
    let first = object.cast::<c_int>();
    // SAFETY: the libc's own function on an object of sufficient size.
    unsafe {
        first.write_volatile(-1);
        if libc::posix_spawn_file_actions_init(object) == 0 && first.read_volatile() == 0 {
            Libc::Glibc
        } else {
            Libc::Musl
        }
    }
}

/// Recognises the libc by its layouts alone: a library that helps programs of another libc along may define whatever
/// that has.
pub fn recognise() -> Recognition {
    let likely = likely_libc();
    if is_examined_without_allocation() {
        match actions_read_back_from_array() {
            Reading::Refused => return Recognition::NotNow(likely),
            Reading::Right if attributes_read_back(Libc::Glibc) => return Recognition::Seen(Libc::Glibc),
            _ => {}
        }
    }
    // A static program may hold glibc without its version, so its layout is tried in any case; a zeroed object of
    // another libc says that it holds no actions.
    for abi in [Libc::Glibc, Libc::Musl] {
        match actions_read_back(abi) {
            Reading::Refused => return Recognition::NotNow(likely),
            Reading::Right if attributes_read_back(abi) => return Recognition::Seen(abi),
            _ => {}
        }
    }
    Recognition::Unknown
}

const PATH: *const c_char = b"/pidfd_spawn\0".as_ptr().cast();

/// The actions that the check adds.  Descriptors below 2, because glibc refuses numbers beyond the limit.
const EXPECTED: [FileAction; 7] = [
    FileAction::Close { fd: 1 },
    FileAction::Dup2 { from: 1, to: 0 },
    FileAction::Open { fd: 1, path: PATH, flags: libc::O_WRONLY | libc::O_APPEND, mode: 0o642 },
    FileAction::Chdir { path: PATH },
    FileAction::Fchdir { fd: 1 },
    FileAction::CloseFrom { first: 1 },
    FileAction::SetForegroundGroup { terminal: 1 },
];

const DEFAULT_SIGNALS: SignalSet = SignalSet::of(&[libc::SIGUSR1, 64]);
const MASK: SignalSet = SignalSet::of(&[libc::SIGUSR2, 41]);

/// What was read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Right,
    Wrong,
    /// The descriptors are beyond the limit, or there is no memory.
    Refused,
}

/// With an array of our own, for the actions that need no more.
fn actions_read_back_from_array() -> Reading {
    let mut room = MaybeUninit::uninit();
    let object = zeroed(&mut room);
    let mut records = glibc::Records::<{ EXPECTED.len() }>::new();
    // SAFETY: the libc's own functions on an object of sufficient size, which is not destroyed.
    unsafe {
        if libc::posix_spawn_file_actions_init(object) != 0 {
            return Reading::Wrong;
        }
        glibc::Actions::set_records(object.cast(), &mut records);
        read_back(Libc::Glibc, object, |action| match action {
            FileAction::Open { .. } | FileAction::Chdir { .. } => None,
            // It has to be looked up.
            FileAction::SetForegroundGroup { .. } => None,
            action => add(object, action),
        })
    }
}

fn actions_read_back(abi: Libc) -> Reading {
    let mut room = MaybeUninit::uninit();
    let object = zeroed(&mut room);
    // SAFETY: the libc's own functions on an object of sufficient size.
    unsafe {
        if libc::posix_spawn_file_actions_init(object) != 0 {
            return Reading::Wrong;
        }
        let reading = read_back(abi, object, |action| add(object, action));
        libc::posix_spawn_file_actions_destroy(object);
        reading
    }
}

/// Adds the actions, as far as the function does, and decodes them.
unsafe fn read_back(
    abi: Libc,
    object: *mut libc::posix_spawn_file_actions_t,
    mut add: impl FnMut(FileAction) -> Option<c_int>,
) -> Reading {
    let mut added = [false; EXPECTED.len()];
    for (action, added) in EXPECTED.iter().zip(added.iter_mut()) {
        match add(*action) {
            Some(0) => *added = true,
            Some(libc::EBADF | libc::ENOMEM) => return Reading::Refused,
            _ => {}
        }
    }
    if added[..2] == [true; 2] && reads_back(abi, object.cast(), &added) {
        Reading::Right
    } else {
        Reading::Wrong
    }
}

/// The function's result, or None when the libc has no such action.
unsafe fn add(object: *mut libc::posix_spawn_file_actions_t, action: FileAction) -> Option<c_int> {
    Some(match action {
        FileAction::Close { fd } => libc::posix_spawn_file_actions_addclose(object, fd),
        FileAction::Dup2 { from, to } => libc::posix_spawn_file_actions_adddup2(object, from, to),
        FileAction::Open { fd, path, flags, mode } => {
            libc::posix_spawn_file_actions_addopen(object, fd, path, flags, mode)
        }
        FileAction::Chdir { path } => weak::posix_spawn_file_actions_addchdir_np()?(object, path),
        FileAction::Fchdir { fd } => weak::posix_spawn_file_actions_addfchdir_np()?(object, fd),
        FileAction::CloseFrom { first } => weak::posix_spawn_file_actions_addclosefrom_np()?(object, first),
        FileAction::SetForegroundGroup { terminal } => {
            weak::posix_spawn_file_actions_addtcsetpgrp_np()?(object, terminal)
        }
    })
}

unsafe fn reads_back(abi: Libc, object: *const c_void, added: &[bool; EXPECTED.len()]) -> bool {
    let expected = EXPECTED.iter().zip(added).filter(|(_, &added)| added).map(|(action, _)| action);
    let plausible = match abi {
        Libc::Glibc => glibc::Actions::new(object).left() == expected.clone().count() as c_int,
        Libc::Musl => musl::Actions::plausible(object),
    };
    if !plausible {
        return false;
    }
    let mut actions = FileActions::new(abi, object);
    for &expected in expected {
        match actions.next() {
            Some(Ok(action)) if same(action, expected) => {}
            _ => return false,
        }
    }
    actions.next().is_none()
}

fn attributes_read_back(abi: Libc) -> bool {
    let mut expected = Attributes {
        flags: flag::COMMON & !flag::SETSIGDEF,
        group: 0x0102_0304,
        default_signals: DEFAULT_SIGNALS,
        mask: MASK,
        priority: 7,
        policy: libc::SCHED_RR,
        cgroup: 21,
    };
    let mut room = MaybeUninit::uninit();
    let object = zeroed(&mut room);
    let mut signals = MaybeUninit::uninit();
    let signals: *mut libc::sigset_t = zeroed(&mut signals);
    // SAFETY: the libc's own functions on objects of sufficient size; a sigset_t starts with the kernel's set.
    unsafe {
        if libc::posix_spawnattr_init(object) != 0 {
            return false;
        }
        let set = |value: SignalSet| {
            ptr::write(signals.cast(), value);
            signals
        };
        // The flags reversed, for the function that sets them can be the one of this library.
        Attributes::set_flags(abi, object.cast(), expected.flags);
        let mut flags = 0;
        let accepted = libc::posix_spawnattr_getflags(object, &mut flags) == 0
            && flags as u32 == expected.flags
            && libc::posix_spawnattr_setpgroup(object, expected.group) == 0
            && libc::posix_spawnattr_setsigdefault(object, set(expected.default_signals)) == 0
            && libc::posix_spawnattr_setsigmask(object, set(expected.mask)) == 0;

        // musl's has more members, which nobody looks at.
        let mut parameters = MaybeUninit::uninit();
        let parameters: *mut libc::sched_param = zeroed(&mut parameters);
        (*parameters).sched_priority = expected.priority;
        let set_priority = weak::posix_spawnattr_setschedparam();
        // musl has these two, but they refuse to set anything.
        if !set_priority.map_or(false, |function| function(object, parameters) == 0) {
            expected.priority = 0;
        }
        let set_policy = weak::posix_spawnattr_setschedpolicy();
        if !set_policy.map_or(false, |function| function(object, expected.policy) == 0) {
            expected.policy = 0;
        }
        // Not tried: in the shared library the function that sets it is this library's own.
        expected.cgroup = 0;
        let right = accepted && Attributes::new(abi, object.cast()) == Ok(expected);
        libc::posix_spawnattr_destroy(object);
        right
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_env = "musl")]
    const OURS: Libc = Libc::Musl;
    #[cfg(not(target_env = "musl"))]
    const OURS: Libc = Libc::Glibc;

    #[test]
    fn the_libc_of_the_tests_is_recognised() {
        assert_eq!(recognise(), Recognition::Seen(OURS));
        assert_eq!(likely_libc(), OURS);
        assert_eq!(actions_read_back(OURS), Reading::Right);
    }

    #[cfg(target_env = "gnu")]
    #[test]
    fn another_layout_is_not_taken_for_this_one() {
        assert_eq!(actions_read_back(Libc::Musl), Reading::Wrong);
    }
}
