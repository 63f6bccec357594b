//! The kernel's own structures and numbers, apart from what a libc calls by the same name.

// Sound because: what is declared zeroable here consists of numbers.
#![allow(unsafe_code)]

use super::opaque_zero;
use crate::errno::Result;
use core::mem::{size_of, MaybeUninit};
use core::ptr::addr_of_mut;
use libc::c_int;

pub const CLONE_VM: u64 = 0x100;
pub const CLONE_PIDFD: u64 = 0x1000;
pub const CLONE_VFORK: u64 = 0x4000;
pub const CLONE_THREAD: u64 = 0x1_0000;
pub const CLONE_CHILD_CLEARTID: u64 = 0x20_0000;
pub const CLONE_CHILD_SETTID: u64 = 0x100_0000;
pub const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;
pub const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
/// This and the two below: Linux 7.1.
pub const CLONE_AUTOREAP: u64 = 0x4_0000_0000;
pub const CLONE_NNP: u64 = 0x8_0000_0000;
pub const CLONE_PIDFD_AUTOKILL: u64 = 0x10_0000_0000;

/// struct clone_args, as of Linux 5.7.
#[repr(C)]
pub struct CloneArgs {
    pub flags: u64,
    pub pidfd: u64,
    pub child_tid: u64,
    pub parent_tid: u64,
    pub exit_signal: u64,
    pub stack: u64,
    pub stack_size: u64,
    pub tls: u64,
    pub set_tid: u64,
    pub set_tid_size: u64,
    pub cgroup: u64,
}

// SAFETY: numbers.
unsafe impl super::Zeroable for CloneArgs {}

impl CloneArgs {
    /// The first published size.  A kernel refuses a larger structure than it knows, so the later members are shown to
    /// it only when they are used.
    pub const SIZE_WITHOUT_CGROUP: usize = 64;
}

const _: () = assert!(size_of::<CloneArgs>() == 88);

pub const P_PID: c_int = 1;
pub const P_PIDFD: c_int = 3;

/// struct siginfo as waitid fills it: without a signal when there is nothing to tell.
#[repr(C, align(8))]
pub struct SigInfo {
    pub signal: c_int,
    #[cfg(not(mips))]
    errno: c_int,
    pub code: c_int,
    #[cfg(mips)]
    errno: c_int,
    #[cfg(target_pointer_width = "64")]
    padding: c_int,
    pub pid: c_int,
    pub user: u32,
    pub status: c_int,
    rest: MaybeUninit<[u8; 128 - 4 * if cfg!(target_pointer_width = "64") { 7 } else { 6 }]>,
}

impl SigInfo {
    pub fn new() -> Self {
        let zero = opaque_zero();
        SigInfo {
            signal: zero as c_int,
            errno: zero as c_int,
            code: zero as c_int,
            #[cfg(target_pointer_width = "64")]
            padding: zero as c_int,
            pid: zero as c_int,
            user: zero,
            status: zero as c_int,
            rest: MaybeUninit::uninit(),
        }
    }

    /// What waitid tells of an exit, for a status as wait gives it.
    pub fn of_exit(pid: c_int, user: u32, status: c_int) -> Self {
        let (code, status) = match status & 0x7f {
            0 => (libc::CLD_EXITED, status >> 8 & 0xff),
            signal if status & 0x80 != 0 => (libc::CLD_DUMPED, signal),
            signal => (libc::CLD_KILLED, signal),
        };
        SigInfo { signal: libc::SIGCHLD, code, pid, user, status, ..Self::new() }
    }

    /// The status as wait gives it, of a process that has ended.
    pub const fn exit_status(&self) -> Option<c_int> {
        match self.code {
            libc::CLD_EXITED => Some((self.status & 0xff) << 8),
            libc::CLD_KILLED => Some(self.status),
            libc::CLD_DUMPED => Some(self.status | 0x80),
            _ => None,
        }
    }

    /// Writes what the kernel writes.
    ///
    /// # Safety
    /// `place` is writable.
    pub unsafe fn write_to(&self, place: *mut Self) {
        addr_of_mut!((*place).signal).write(self.signal);
        addr_of_mut!((*place).errno).write(self.errno);
        addr_of_mut!((*place).code).write(self.code);
        addr_of_mut!((*place).pid).write(self.pid);
        addr_of_mut!((*place).user).write(self.user);
        addr_of_mut!((*place).status).write(self.status);
    }
}

const _: () = assert!(size_of::<SigInfo>() == 128);

/// The highest signal number.
pub const NSIG: c_int = if cfg!(mips) { 128 } else { 64 };

/// A signal set: machine words, that of the lowest signals first, whatever the order of the bytes in one.  Bit n of
/// the first stands for signal n + 1.
#[derive(Clone, Copy, Debug, Eq)]
#[repr(transparent)]
pub struct SignalSet(pub(super) [usize; WORDS]);

/// In bits.
const WORD: usize = usize::BITS as usize;

const WORDS: usize = NSIG as usize / WORD;

/// The derived one is a call of the libc's bcmp where a set has many words; the child of a spawn compares sets.
impl PartialEq for SignalSet {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).fold(0, |differences, (one, another)| differences | (one ^ another)) == 0
    }
}

impl SignalSet {
    pub const EMPTY: Self = SignalSet([0; WORDS]);
    pub const ALL: Self = SignalSet([!0; WORDS]);

    /// Their disposition cannot be changed.
    const FIXED: Self = Self::of(&[libc::SIGKILL, libc::SIGSTOP]);

    /// Those signals, which exist.
    pub const fn of(signals: &[c_int]) -> Self {
        let mut set = Self::EMPTY;
        let mut index = 0;
        while index < signals.len() {
            let bit = signals[index] as usize - 1;
            set.0[bit / WORD] |= 1 << (bit % WORD);
            index += 1;
        }
        set
    }

    /// What a larger set of machine words begins with.
    pub fn at_start_of(words: &[usize; 1024 / WORD]) -> Self {
        let mut set = Self::EMPTY;
        let mut index = 0;
        while index < WORDS {
            set.0[index] = words[index];
            index += 1;
        }
        set
    }

    pub fn contains(self, signal: c_int) -> bool {
        let bit = (signal as usize).wrapping_sub(1);
        bit / WORD < WORDS && self.0[bit / WORD] >> (bit % WORD) & 1 != 0
    }

    /// The union of both.
    pub fn with(mut self, other: Self) -> Self {
        let mut index = 0;
        while index < WORDS {
            self.0[index] |= other.0[index];
            index += 1;
        }
        self
    }

    pub fn complement(mut self) -> Self {
        let mut index = 0;
        while index < WORDS {
            self.0[index] = !self.0[index];
            index += 1;
        }
        self
    }

    /// Calls the function with each signal of the set whose disposition can be changed, until an error.
    #[inline(always)]
    pub fn for_each(self, mut function: impl FnMut(c_int) -> Result<()>) -> Result<()> {
        let mut index = 0;
        while index < WORDS {
            let mut rest = self.0[index] & !Self::FIXED.0[index];
            while rest != 0 {
                function((index * WORD) as c_int + rest.trailing_zeros() as c_int + 1)?;
                rest &= rest.wrapping_sub(1);
            }
            index += 1;
        }
        Ok(())
    }
}

const _: () = assert!(size_of::<SignalSet>() == NSIG as usize / 8);

pub const SIG_DFL: usize = 0;
pub const SIG_IGN: usize = 1;

/// struct sigaction as rt_sigaction wants it.
#[repr(C)]
pub struct KernelSigaction {
    #[cfg(mips)]
    pub flags: SigactionFlags,
    pub handler: usize,
    #[cfg(not(mips))]
    pub flags: SigactionFlags,
    #[cfg(sigaction_restorer)]
    restorer: usize,
    mask: SignalSet,
}

#[cfg(mips)]
pub type SigactionFlags = u32;
#[cfg(not(mips))]
pub type SigactionFlags = usize;

impl KernelSigaction {
    pub const DEFAULT: Self = Self::new(SIG_DFL);
    pub const IGNORE: Self = Self::new(SIG_IGN);

    const fn new(handler: usize) -> Self {
        KernelSigaction {
            handler,
            flags: 0,
            #[cfg(sigaction_restorer)]
            restorer: 0,
            mask: SignalSet::EMPTY,
        }
    }
}

const _: () = assert!(
    size_of::<KernelSigaction>()
        == if cfg!(sigaction_restorer) { 3 } else { 2 } * size_of::<usize>() + size_of::<SignalSet>()
);

/// struct pidfd_info in its first published size.
#[repr(C)]
pub struct PidfdInfo {
    pub mask: u64,
    pub cgroupid: u64,
    pub pid: u32,
    pub tgid: u32,
    pub ppid: u32,
    pub ruid: u32,
    pub rgid: u32,
    pub euid: u32,
    pub egid: u32,
    pub suid: u32,
    pub sgid: u32,
    pub fsuid: u32,
    pub fsgid: u32,
    /// As wait gives it; Linux 6.15.
    pub exit_code: c_int,
}

// SAFETY: numbers.
unsafe impl super::Zeroable for PidfdInfo {}

const _: () = assert!(size_of::<PidfdInfo>() == 64);

pub const PIDFD_INFO_PID: u64 = 1;
pub const PIDFD_INFO_CREDS: u64 = 1 << 1;
pub const PIDFD_INFO_EXIT: u64 = 1 << 3;

pub const PIDFD_INFO_SUPPORTED_MASK: u64 = 1 << 5;

/// _IOWR(0xFF, 11, struct pidfd_info), which is the same also where the bits for reading and writing are others.
pub const PIDFD_GET_INFO: u32 = pidfd_get_info(size_of::<PidfdInfo>());

/// The structure as of Linux 6.19, which tells what the kernel can tell; since 7.1 eight bytes further on.
#[repr(C)]
pub struct PidfdInfoOfKernel {
    pub info: PidfdInfo,
    coredump: [u32; 2],
    /// Of 6.19 and 7.0; then the second half is none's and 0.
    early_supported_mask: u64,
    supported_mask: u64,
}

impl PidfdInfoOfKernel {
    /// What the kernel can tell, itself included.
    pub fn supported(&self) -> u64 {
        if self.info.mask & PIDFD_INFO_SUPPORTED_MASK == 0 {
            0
        } else if self.supported_mask == 0 {
            self.early_supported_mask
        } else {
            self.supported_mask
        }
    }
}

// SAFETY: numbers.
unsafe impl super::Zeroable for PidfdInfoOfKernel {}

const _: () = assert!(size_of::<PidfdInfoOfKernel>() == 88);

pub const PIDFD_GET_INFO_OF_KERNEL: u32 = pidfd_get_info(size_of::<PidfdInfoOfKernel>());

const fn pidfd_get_info(size: usize) -> u32 {
    3 << 30 | (size as u32) << 16 | 0xFF << 8 | 11
}

/// _IOR(0xB7, 6, int), with two bits that stand for reading alone.
pub const NS_GET_PID_FROM_PIDNS: u32 = {
    let old = cfg!(any(mips, sparc, target_arch = "powerpc", target_arch = "powerpc64"));
    if old {
        1 << 30
    } else {
        2 << 30
    }
} | (size_of::<c_int>() as u32) << 16
    | 0xB7 << 8
    | 6;

/// File system types as fstatfs tells them.
pub const PIDFS: u64 = 0x5049_4446;
pub const PROCFS: u64 = 0x9fa0;
pub const CGROUP2: u64 = 0x6367_7270;
pub const ANONYMOUS_INODES: u64 = 0x0904_1934;

/// struct statfs, or statfs64: the type comes first, the rest is only room.
#[repr(C)]
pub struct Statfs {
    pub kind: StatfsWord,
    rest: MaybeUninit<[u8; 248]>,
}

#[cfg(target_arch = "s390x")]
pub type StatfsWord = u32;
#[cfg(not(target_arch = "s390x"))]
pub type StatfsWord = usize;

impl Statfs {
    pub const fn new() -> Self {
        Statfs { kind: 0, rest: MaybeUninit::uninit() }
    }
}

#[repr(C)]
pub struct PollFd {
    pub fd: c_int,
    pub events: i16,
    pub revents: i16,
}

impl PollFd {
    pub const fn new(fd: c_int, events: i16) -> Self {
        PollFd { fd, events, revents: 0 }
    }

    pub const fn is_ready(&self) -> bool {
        self.revents & self.events != 0
    }

    /// Whether nobody has the other end any more.
    pub const fn is_hung_up(&self) -> bool {
        self.revents & POLLHUP != 0
    }
}

pub const POLLIN: i16 = 1;
pub const POLLOUT: i16 = 4;
const POLLHUP: i16 = 0x10;
/// The number is not open.
pub const POLLNVAL: i16 = 0x20;

/// The start of struct statx, which is the same everywhere.
#[repr(C, align(8))]
pub struct Statx {
    pub mask: u32,
    block_size: MaybeUninit<u32>,
    attributes: MaybeUninit<u64>,
    pub links: u32,
    pub user: u32,
    pub group: u32,
    rest: MaybeUninit<[u8; 228]>,
}

impl Statx {
    pub const fn new() -> Self {
        Statx {
            mask: 0,
            block_size: MaybeUninit::uninit(),
            attributes: MaybeUninit::uninit(),
            links: 0,
            user: 0,
            group: 0,
            rest: MaybeUninit::uninit(),
        }
    }
}

const _: () = assert!(size_of::<Statx>() == 256);

/// struct __kernel_timespec
#[repr(C)]
pub struct Timespec {
    pub seconds: i64,
    pub nanoseconds: i64,
}

impl Timespec {
    pub const ZERO: &'static Self = &Timespec { seconds: 0, nanoseconds: 0 };
}

/// struct rlimit64
#[repr(C)]
#[derive(Default)]
pub struct Rlimit {
    pub current: u64,
    pub maximum: u64,
}

/// struct robust_list_head, whose first member is the list.
#[repr(C)]
pub struct RobustList {
    pub next: *mut RobustList,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Linux 6.19 and 7.0 fill 80 bytes of the structure, 7.1 has the mask behind those.
    #[test]
    fn what_the_kernel_can_tell_stands_in_one_of_two_places() {
        let answer = |mask, early_supported_mask, supported_mask| {
            // SAFETY: numbers.
            let info: PidfdInfo = unsafe { core::mem::zeroed() };
            let info = PidfdInfo { mask, ..info };
            PidfdInfoOfKernel { info, coredump: [0; 2], early_supported_mask, supported_mask }.supported()
        };
        let all = PIDFD_INFO_SUPPORTED_MASK | PIDFD_INFO_EXIT;
        assert_eq!(answer(PIDFD_INFO_SUPPORTED_MASK, all, 0), all);
        assert_eq!(answer(PIDFD_INFO_SUPPORTED_MASK, 11, all), all);
        assert_eq!(answer(0, all, all), 0);
    }
}
