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

/// The libc whose layouts its own functions were seen to produce.
pub fn recognise() -> Option<Libc> {
    let glibc = weak::gnu_get_libc_version().is_some();
    // A static program may hold glibc without that function, so glibc's layout is tried in any case; a zeroed object of
    // another libc says that it holds no actions.
    [Libc::Glibc, Libc::Musl]
        .iter()
        .copied()
        .find(|&libc| !(glibc && libc == Libc::Musl) && actions_read_back(libc) && attributes_read_back(libc))
}

const PATH: *const c_char = b"/pidfd_spawn\0".as_ptr().cast();

/// The actions that the check adds.  Descriptors below 3, because a libc refuses numbers beyond the limit.
const EXPECTED: [FileAction; 7] = [
    FileAction::Close { fd: 1 },
    FileAction::Dup2 { from: 2, to: 1 },
    FileAction::Open { fd: 2, path: PATH, flags: libc::O_WRONLY | libc::O_APPEND, mode: 0o642 },
    FileAction::Chdir { path: PATH },
    FileAction::Fchdir { fd: 2 },
    FileAction::CloseFrom { first: 1 },
    FileAction::SetForegroundGroup { terminal: 2 },
];

fn actions_read_back(libc: Libc) -> bool {
    let mut room = MaybeUninit::uninit();
    let object = zeroed(&mut room);
    let mut added = [false; EXPECTED.len()];
    // SAFETY: the libc's own functions on an object of sufficient size.
    unsafe {
        if libc::posix_spawn_file_actions_init(object) != 0 {
            return false;
        }
        for (action, added) in EXPECTED.iter().zip(added.iter_mut()) {
            *added = add(object, *action);
        }
        let right = added[..3] == [true; 3] && reads_back(libc, object.cast(), &added);
        libc::posix_spawn_file_actions_destroy(object);
        right
    }
}

/// False when the libc has no such action.
unsafe fn add(object: *mut libc::posix_spawn_file_actions_t, action: FileAction) -> bool {
    let result =
        match action {
            FileAction::Close { fd } => libc::posix_spawn_file_actions_addclose(object, fd),
            FileAction::Dup2 { from, to } => libc::posix_spawn_file_actions_adddup2(object, from, to),
            FileAction::Open { fd, path, flags, mode } => {
                libc::posix_spawn_file_actions_addopen(object, fd, path, flags, mode)
            }
            FileAction::Chdir { path } => {
                weak::posix_spawn_file_actions_addchdir_np().map_or(libc::ENOSYS, |function| function(object, path))
            }
            FileAction::Fchdir { fd } => {
                weak::posix_spawn_file_actions_addfchdir_np().map_or(libc::ENOSYS, |function| function(object, fd))
            }
            FileAction::CloseFrom { first } => weak::posix_spawn_file_actions_addclosefrom_np()
                .map_or(libc::ENOSYS, |function| function(object, first)),
            FileAction::SetForegroundGroup { terminal } => weak::posix_spawn_file_actions_addtcsetpgrp_np()
                .map_or(libc::ENOSYS, |function| function(object, terminal)),
        };
    result == 0
}

unsafe fn reads_back(libc: Libc, object: *const c_void, added: &[bool; EXPECTED.len()]) -> bool {
    let expected = EXPECTED.iter().zip(added).filter(|(_, &added)| added).map(|(action, _)| action);
    let plausible = match libc {
        Libc::Glibc => glibc::Actions::new(object).left() == expected.clone().count() as c_int,
        Libc::Musl => musl::Actions::plausible(object),
    };
    if !plausible {
        return false;
    }
    let mut actions = FileActions::new(libc, object);
    for &expected in expected {
        match actions.next() {
            Some(Ok(action)) if same(action, expected) => {}
            _ => return false,
        }
    }
    actions.next().is_none()
}

fn attributes_read_back(libc: Libc) -> bool {
    let mut expected = Attributes {
        flags: flag::COMMON & !flag::SETSIGDEF,
        group: 0x0102_0304,
        default_signals: SignalSet(1 << (libc::SIGUSR1 - 1) | 1 << 63),
        mask: SignalSet(1 << (libc::SIGUSR2 - 1) | 1 << 40),
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
        // The flags the other way about, for the function that sets them can be the one of this library.
        Attributes::set_flags(libc, object.cast(), expected.flags);
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
        let right = accepted && Attributes::new(libc, object.cast()) == Ok(expected);
        libc::posix_spawnattr_destroy(object);
        right
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_libc_of_the_tests_is_recognised() {
        let expected = if cfg!(target_env = "musl") { Libc::Musl } else { Libc::Glibc };
        assert_eq!(recognise(), Some(expected));
    }

    #[cfg(target_env = "gnu")]
    #[test]
    fn another_layout_is_not_taken_for_this_one() {
        assert!(!actions_read_back(Libc::Musl));
        assert!(!attributes_read_back(Libc::Musl) || !actions_read_back(Libc::Musl));
    }
}
