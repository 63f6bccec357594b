//! `struct pidfd_spawn_args`: what pidfd_spawn_ext is asked for besides, and everything about it that can be refused
//! before a child exists.

// Sound because: the caller of the C interface promises a structure of the size that it gives, and arrays as long as
// their counts say.
#![allow(unsafe_code)]
#![allow(non_camel_case_types)]

use crate::errno::{Errno, Result};
use crate::kernel::uapi::NSIG;
use crate::kernel::{zeroed, Zeroable};
use core::mem::{size_of, MaybeUninit};
use core::ptr::addr_of;
use libc::{c_int, gid_t, sigset_t};

/// Flag of pidfd_spawn_ext: FILE is looked for in PATH, as pidfd_spawnp does.
pub const PIDFD_SPAWN_SEARCH: u64 = 1 << 0;
/// FILE is looked for in the PATH of ENVP, or where that has none in the C library's default.
pub const PIDFD_SPAWN_SEARCH_ENVP: u64 = 1 << 1;
/// The program is the file that the descriptor `exec_fd` refers to.
pub const PIDFD_SPAWN_EXEC_FD: u64 = 1 << 2;
/// Descriptors from `cloexec_from` on are not inherited, but for those in `inherit`.
pub const PIDFD_SPAWN_CLOEXEC_FROM: u64 = 1 << 3;
/// The resource limits in `limits` are set.
pub const PIDFD_SPAWN_SETRLIMITS: u64 = 1 << 4;
/// The file mode creation mask is `umask`.
pub const PIDFD_SPAWN_SETUMASK: u64 = 1 << 5;
/// The signals in `ignore` are ignored.
pub const PIDFD_SPAWN_SETSIGIGNORE: u64 = 1 << 6;
/// `terminal` becomes the controlling terminal.
pub const PIDFD_SPAWN_SETCTTY: u64 = 1 << 7;
/// The child is born in the cgroup whose directory is `cgroup`.
pub const PIDFD_SPAWN_CGROUP: u64 = 1 << 8;
/// Where the kernel cannot do that, the child moves there itself, first of all.
pub const PIDFD_SPAWN_CGROUP_MAY_MOVE: u64 = 1 << 9;
/// The supplementary groups are `groups`.
pub const PIDFD_SPAWN_SETGROUPS: u64 = 1 << 10;
/// All group IDs are `gid`.
pub const PIDFD_SPAWN_SETGID: u64 = 1 << 11;
/// All user IDs are `uid`.
pub const PIDFD_SPAWN_SETUID: u64 = 1 << 12;
/// No execve gives privileges any more.
pub const PIDFD_SPAWN_NO_NEW_PRIVS: u64 = 1 << 13;
/// The child gets `death_signal` when the thread that started it ends.
pub const PIDFD_SPAWN_PDEATHSIG: u64 = 1 << 14;
/// The child leaves no zombie and sends no SIGCHLD; pidfd_wait tells its status.
pub const PIDFD_SPAWN_AUTOREAP: u64 = 1 << 15;
/// The child is killed when the last copy of its pidfd is closed; implies PIDFD_SPAWN_AUTOREAP.
pub const PIDFD_SPAWN_KILL_ON_CLOSE: u64 = 1 << 16;

/// A resource limit for PIDFD_SPAWN_SETRLIMITS.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct pidfd_spawn_rlimit {
    /// RLIMIT_NOFILE and so on.
    pub resource: u32,
    /// 0.
    pub reserved: u32,
    /// Where all bits are set there is no limit, whatever the C library's RLIM_INFINITY.
    pub soft: u64,
    /// Likewise.
    pub hard: u64,
}

const _: () = assert!(size_of::<pidfd_spawn_rlimit>() == 24);

/// What pidfd_spawn_ext is to do besides.  A member counts only if its flag is set.
// For Rust alone: the other comments go into the C header as well.
#[cfg_attr(doc, doc = "A literal should end in `..Default::default()`: a later version may have more members.")]
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct pidfd_spawn_args {
    /// PIDFD_SPAWN_SEARCH and so on.
    pub flags: u64,
    /// EXEC_FD
    pub exec_fd: c_int,
    /// CLOEXEC_FROM: the lowest descriptor that is not inherited.
    pub cloexec_from: c_int,
    /// CLOEXEC_FROM: descriptors that are inherited all the same.
    pub inherit: *const c_int,
    /// SETRLIMITS
    pub limits: *const pidfd_spawn_rlimit,
    /// CLOEXEC_FROM: how many `inherit` has.
    pub inherit_count: u32,
    /// SETRLIMITS: how many `limits` has.
    pub limit_count: u32,
    /// SETSIGIGNORE
    pub ignore: *const sigset_t,
    /// SETUMASK
    pub umask: u32,
    /// SETCTTY: a descriptor of the caller.
    pub terminal: c_int,
    /// CGROUP: a descriptor of the cgroup's directory.
    pub cgroup: c_int,
    /// SETGROUPS: how many `groups` has.
    pub group_count: u32,
    /// SETGROUPS
    pub groups: *const gid_t,
    /// SETGID
    pub gid: u32,
    /// SETUID
    pub uid: u32,
    /// PDEATHSIG
    pub death_signal: c_int,
    /// 0.
    pub reserved: u32,
}

// SAFETY: numbers and pointers.
unsafe impl Zeroable for pidfd_spawn_args {}

/// All zeroes, with NULL for pointers: nothing is asked for.
///
/// ```
/// use pidfd_spawn::capi::{pidfd_spawn_args, PIDFD_SPAWN_SETUMASK};
///
/// let args = pidfd_spawn_args { flags: PIDFD_SPAWN_SETUMASK, umask: 0o77, ..Default::default() };
/// assert!(args.flags == PIDFD_SPAWN_SETUMASK && args.groups.is_null());
/// ```
impl Default for pidfd_spawn_args {
    fn default() -> Self {
        // SAFETY: it is `Zeroable`.
        unsafe { core::mem::zeroed() }
    }
}

const _: () = assert!(size_of::<pidfd_spawn_args>() == if cfg!(target_pointer_width = "64") { 88 } else { 72 });

/// For the module `process` alone, after `check`, which takes it for unknown: SETGROUPS without any, if permitted.
pub(crate) const LOSE_GROUPS: u64 = 1 << 63;
const KNOWN_FLAGS: u64 = (PIDFD_SPAWN_KILL_ON_CLOSE << 1) - 1;
const HIGHEST_SIZE: usize = 4096;
const MOST_GROUPS: u32 = 65_536;
const RESOURCES: u32 = 16;
const NO_ID: u32 = u32::MAX;

const INVALID: Errno = Errno(libc::EINVAL);

/// The end of the members of each flag that has some: what a caller's structure must reach.
macro_rules! member_ends {
    ($($flag:ident: $last:ident),*) => {
        fn reaches_its_members(args: &pidfd_spawn_args, size: usize) -> bool {
            let start = args as *const pidfd_spawn_args as usize;
            true $(&& (!args.has($flag) || {
                // SAFETY: within the structure.
                let end = unsafe { addr_of!(args.$last).add(1) } as usize - start;
                end <= size
            }))*
        }
    };
}

member_ends! {
    PIDFD_SPAWN_EXEC_FD: exec_fd,
    PIDFD_SPAWN_CLOEXEC_FROM: inherit_count,
    PIDFD_SPAWN_SETRLIMITS: limit_count,
    PIDFD_SPAWN_SETSIGIGNORE: ignore,
    PIDFD_SPAWN_SETUMASK: umask,
    PIDFD_SPAWN_SETCTTY: terminal,
    PIDFD_SPAWN_CGROUP: cgroup,
    PIDFD_SPAWN_SETGROUPS: groups,
    PIDFD_SPAWN_SETGID: gid,
    PIDFD_SPAWN_SETUID: uid,
    PIDFD_SPAWN_PDEATHSIG: death_signal
}

impl pidfd_spawn_args {
    /// What the caller gave.
    ///
    /// # Safety
    /// `given` is NULL or a structure of that size.
    pub(crate) unsafe fn copy(room: &mut MaybeUninit<Self>, given: *const Self, size: usize) -> Result<&Self> {
        if given.is_null() {
            return Err(Errno(libc::EFAULT));
        }
        if size < size_of::<u64>() {
            return Err(INVALID);
        }
        if size > HIGHEST_SIZE {
            return Err(Errno(libc::E2BIG));
        }
        let from = given.cast::<u8>();
        let args = zeroed(room);
        let to = (args as *mut Self).cast::<u8>();
        let mut index = 0;
        while index < size {
            // Volatile, so that no compiler makes it a call of the libc's memcpy.
            let byte = from.add(index).read_volatile();
            if index < size_of::<Self>() {
                to.add(index).write_volatile(byte);
            } else if byte != 0 {
                // A member of tomorrow.
                return Err(Errno(libc::E2BIG));
            }
            index += 1;
        }
        // A member that is left out is no 0: that would be root for a user ID.
        if reaches_its_members(args, size) {
            Ok(args)
        } else {
            Err(INVALID)
        }
    }

    #[inline(always)]
    pub(crate) fn has(&self, flags: u64) -> bool {
        self.flags & flags != 0
    }

    /// What is wrong whatever the child would meet.
    ///
    /// # Safety
    /// The arrays are as long as their counts say.
    pub(crate) unsafe fn check(&self) -> Result<()> {
        let programs = self.flags & (PIDFD_SPAWN_SEARCH | PIDFD_SPAWN_SEARCH_ENVP | PIDFD_SPAWN_EXEC_FD);
        let unfit = self.flags & !KNOWN_FLAGS != 0
            || self.reserved != 0
            || programs & programs.wrapping_sub(1) != 0
            || self.has(PIDFD_SPAWN_EXEC_FD) && self.exec_fd < 0
            || self.has(PIDFD_SPAWN_CLOEXEC_FROM) && !self.has_valid_descriptors()
            || self.has(PIDFD_SPAWN_SETRLIMITS) && !self.has_valid_limits()
            || self.has(PIDFD_SPAWN_SETUMASK) && self.umask & !0o777 != 0
            || self.has(PIDFD_SPAWN_SETSIGIGNORE) && self.ignore.is_null()
            || self.has(PIDFD_SPAWN_SETCTTY) && self.terminal < 0
            || self.has(PIDFD_SPAWN_CGROUP) && self.cgroup < 0
            || self.has(PIDFD_SPAWN_CGROUP_MAY_MOVE) && !self.has(PIDFD_SPAWN_CGROUP)
            || self.has(PIDFD_SPAWN_SETGROUPS) && !self.has_valid_groups()
            || self.has(PIDFD_SPAWN_SETGID) && self.gid == NO_ID
            || self.has(PIDFD_SPAWN_SETUID) && self.uid == NO_ID
            || self.has(PIDFD_SPAWN_PDEATHSIG) && !(1..=NSIG).contains(&self.death_signal);
        if unfit {
            Err(INVALID)
        } else {
            Ok(())
        }
    }

    unsafe fn has_valid_descriptors(&self) -> bool {
        self.cloexec_from >= 0 && all(self.inherit, self.inherit_count, |&fd| fd >= 0)
    }

    unsafe fn has_valid_limits(&self) -> bool {
        all(self.limits, self.limit_count, |limit| limit.resource < RESOURCES && limit.reserved == 0)
    }

    unsafe fn has_valid_groups(&self) -> bool {
        self.group_count <= MOST_GROUPS && all(self.groups, self.group_count, |&group| group != NO_ID)
    }
}

/// Whether there is an array of that length, or none is needed, and all its elements are valid.
unsafe fn all<T>(array: *const T, count: u32, is_valid: impl Fn(&T) -> bool) -> bool {
    count == 0 || !array.is_null() && (0..count as usize).all(|index| is_valid(&*array.add(index)))
}
