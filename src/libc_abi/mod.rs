//! What the running libc keeps in its spawn attributes and file actions, in a form that names no libc.
//!
//! The layouts are private to each libc, so they are trusted only after the libc's own functions were seen to produce
//! them: see `check`.  `glibc` and `musl` are the two decoders; both are always compiled, because one library serves
//! both kinds of processes.  `weak` finds functions that the running libc may or may not have.

// Sound because: every function here reads objects that the caller of the C interface promised to be initialised by the
// libc's functions and not changed during the call.
#![allow(unsafe_code)]

mod check;
mod glibc;
mod musl;
pub mod weak;

use crate::errno::{Errno, Result};
use crate::kernel::uapi::SignalSet;
use libc::{c_char, c_int, c_void, mode_t, pid_t};

pub use check::{is_examined_without_allocation, recognise, Recognition};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Libc {
    Glibc,
    Musl,
}

impl Libc {
    /// Where programs are looked for when PATH is not set, ended by a NUL.
    fn default_path(self) -> &'static [u8] {
        match self {
            Libc::Glibc => b"/bin:/usr/bin\0",
            Libc::Musl => b"/usr/local/bin:/bin:/usr/bin\0",
        }
    }

    /// Where programs are looked for: PATH, or the libc's default.
    pub fn search_path(self) -> *const c_char {
        // SAFETY: a string; a caller must not change the environment while the library reads it.
        let path: *const c_char = unsafe { libc::getenv(b"PATH\0".as_ptr().cast()) };
        if path.is_null() {
            self.default_path().as_ptr().cast()
        } else {
            path
        }
    }

    /// The same in that environment; of several the first counts.
    ///
    /// # Safety
    /// `environment` is NULL or strings, ended by NULL.
    pub unsafe fn search_path_in(self, environment: *const *mut c_char) -> *const c_char {
        let mut entry = environment;
        while !entry.is_null() && !(*entry).is_null() {
            let text = *entry;
            if (0..).zip(b"PATH=").all(|(index, &byte)| *text.add(index) as u8 == byte) {
                return text.add(b"PATH=".len());
            }
            entry = entry.add(1);
        }
        self.default_path().as_ptr().cast()
    }
}

/// One thing for the child to do, in the words of posix_spawn_file_actions_add*.
#[derive(Clone, Copy, Debug)]
pub enum FileAction {
    Close { fd: c_int },
    Dup2 { from: c_int, to: c_int },
    Open { fd: c_int, path: *const c_char, flags: c_int, mode: mode_t },
    Chdir { path: *const c_char },
    Fchdir { fd: c_int },
    CloseFrom { first: c_int },
    SetForegroundGroup { terminal: c_int },
}

/// Whether two actions ask for the same.
///
/// # Safety
/// Their paths are strings or NULL.
pub unsafe fn same(one: FileAction, other: FileAction) -> bool {
    use FileAction::*;
    match (one, other) {
        (Close { fd: a }, Close { fd: b })
        | (Fchdir { fd: a }, Fchdir { fd: b })
        | (CloseFrom { first: a }, CloseFrom { first: b })
        | (SetForegroundGroup { terminal: a }, SetForegroundGroup { terminal: b }) => a == b,
        (Dup2 { from: a, to: b }, Dup2 { from: c, to: d }) => a == c && b == d,
        (Open { fd, path, flags, mode }, Open { fd: f, path: p, flags: l, mode: m }) => {
            fd == f && flags == l && mode == m && same_string(path, p)
        }
        (Chdir { path: a }, Chdir { path: b }) => same_string(a, b),
        _ => false,
    }
}

unsafe fn same_string(one: *const c_char, other: *const c_char) -> bool {
    // Miri has no strcmp.
    #[cfg(miri)]
    return !one.is_null() && std::ffi::CStr::from_ptr(one) == std::ffi::CStr::from_ptr(other);
    #[cfg(not(miri))]
    return !one.is_null() && libc::strcmp(one, other) == 0;
}

/// The caller's list of file actions, oldest first.  An action that is not known comes out as an error.
#[derive(Clone, Copy)]
pub enum FileActions {
    None,
    Glibc(glibc::Actions),
    Musl(musl::Actions),
    /// An array, of which so many are still to come.
    #[cfg(feature = "std")]
    Listed {
        next: *const FileAction,
        rest: usize,
    },
}

impl FileActions {
    /// # Safety
    /// `actions` is NULL or an object that was initialised by this libc's functions.
    pub unsafe fn new(abi: Libc, actions: *const c_void) -> Self {
        if actions.is_null() {
            return FileActions::None;
        }
        match abi {
            Libc::Glibc => FileActions::Glibc(glibc::Actions::new(actions)),
            Libc::Musl => FileActions::Musl(musl::Actions::new(actions)),
        }
    }

    /// # Safety
    /// The array is unchanged while this is used.
    #[cfg(feature = "std")]
    pub unsafe fn listed(actions: &[FileAction]) -> Self {
        FileActions::Listed { next: actions.as_ptr(), rest: actions.len() }
    }
}

impl Iterator for FileActions {
    type Item = Result<FileAction>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        match self {
            FileActions::None => None,
            FileActions::Glibc(actions) => actions.next(),
            FileActions::Musl(actions) => actions.next(),
            #[cfg(feature = "std")]
            FileActions::Listed { rest: 0, .. } => None,
            #[cfg(feature = "std")]
            FileActions::Listed { next, rest } => {
                let action = *next;
                // SAFETY: within the array, or at its end.
                unsafe {
                    *next = action.add(1);
                    *rest = rest.wrapping_sub(1);
                    Some(Ok(*action))
                }
            }
        }
    }
}

/// The error for an action that is not known: skipping it would start a program with other descriptors than it was
/// promised.
const UNKNOWN_ACTION: Errno = Errno(libc::EINVAL);

/// posix_spawnattr_setflags, with the numbers that both libcs use.
pub mod flag {
    pub const RESETIDS: u32 = 0x01;
    pub const SETPGROUP: u32 = 0x02;
    pub const SETSIGDEF: u32 = 0x04;
    pub const SETSIGMASK: u32 = 0x08;
    pub const SETSCHEDPARAM: u32 = 0x10;
    pub const SETSCHEDULER: u32 = 0x20;
    pub const USEVFORK: u32 = 0x40;
    pub const SETSID: u32 = 0x80;
    pub const SETCGROUP: u32 = 0x100;

    pub const KNOWN: u32 = COMMON | SETCGROUP;

    /// What every libc's posix_spawnattr_setflags may accept.
    pub const COMMON: u32 =
        RESETIDS | SETPGROUP | SETSIGDEF | SETSIGMASK | SETSCHEDPARAM | SETSCHEDULER | USEVFORK | SETSID;
}

/// The caller's attributes; a member counts only if its flag is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    pub flags: u32,
    pub group: pid_t,
    pub default_signals: SignalSet,
    pub mask: SignalSet,
    pub priority: c_int,
    pub policy: c_int,
    pub cgroup: c_int,
}

impl Attributes {
    pub const NONE: Self = Attributes {
        flags: 0,
        group: 0,
        default_signals: SignalSet::EMPTY,
        mask: SignalSet::EMPTY,
        priority: 0,
        policy: 0,
        cgroup: -1,
    };

    /// EINVAL when a flag is set that is not known.
    ///
    /// # Safety
    /// `attributes` is NULL or an object that was initialised by this libc's functions.
    pub unsafe fn new(abi: Libc, attributes: *const c_void) -> Result<Self> {
        if attributes.is_null() {
            return Ok(Self::NONE);
        }
        let decoded = match abi {
            Libc::Glibc => glibc::attributes(attributes),
            Libc::Musl => musl::attributes(attributes),
        };
        if decoded.flags & !flag::KNOWN != 0 {
            return Err(Errno(libc::EINVAL));
        }
        Ok(decoded)
    }

    pub fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    /// The flags of an attributes object.
    ///
    /// # Safety
    /// `attributes` was initialised by this libc's functions.
    pub unsafe fn flags(abi: Libc, attributes: *const c_void) -> u32 {
        match abi {
            Libc::Glibc => glibc::attributes(attributes).flags,
            Libc::Musl => musl::attributes(attributes).flags,
        }
    }

    /// False when an attributes object of any libc certainly does not have that flag, which is one of the lower
    /// 16.
    ///
    /// # Safety
    /// `attributes` was initialised by the libc's functions.
    pub unsafe fn may_have(attributes: *const c_void, flag: u32) -> bool {
        // They come first in both, as 16 bits and padding or as 32.
        let first = *attributes.cast::<u32>();
        first & (flag | flag << 16) != 0
    }

    /// Writes the flags into an attributes object.
    ///
    /// # Safety
    /// `attributes` was initialised by this libc's functions.
    pub unsafe fn set_flags(abi: Libc, attributes: *mut c_void, flags: u32) {
        match abi {
            Libc::Glibc => glibc::set_flags(attributes, flags),
            Libc::Musl => musl::set_flags(attributes, flags),
        }
    }

    /// Where an attributes object holds the cgroup.
    ///
    /// # Safety
    /// As above.
    pub unsafe fn cgroup(abi: Libc, attributes: *mut c_void) -> *mut c_int {
        match abi {
            Libc::Glibc => glibc::cgroup(attributes),
            Libc::Musl => musl::cgroup(attributes),
        }
    }
}

/// sigset_t in both libcs: 1024 bits in machine words, of which the kernel knows the first.
type LibcSignalSet = [usize; 128 / core::mem::size_of::<usize>()];

/// The signals in a sigset_t of any libc.
///
/// # Safety
/// `set` is one.
pub unsafe fn signals(set: *const c_void) -> SignalSet {
    kernel_set(&*set.cast())
}

fn kernel_set(set: &LibcSignalSet) -> SignalSet {
    SignalSet::at_start_of(set)
}

/// As the libc's functions do it.
///
/// # Safety
/// There is a sigset_t.
#[cfg(test)]
unsafe fn write_signals(set: *mut u8, signals: &[c_int]) {
    let bits = usize::BITS as c_int;
    for signal in signals.iter().map(|signal| signal - 1) {
        *set.cast::<usize>().add((signal / bits) as usize) |= 1 << (signal % bits);
    }
}
