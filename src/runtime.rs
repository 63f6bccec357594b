//! What the process that the library was loaded into offers: its libc's layouts, the libc's own functions, and the
//! kernel's pidfd interface.
//!
//! At load a constructor looks up the libc's functions, because later the loader's lock may be held by a thread that
//! waits for the caller.  The rest waits for its first use, so that a program which uses nothing of the library makes
//! no system call for it: a sandbox may kill for one.  Only where the layouts cannot be examined without allocating (on
//! musl, and on an unknown release of glibc) are they examined at load, because the functions promise to allocate
//! nothing.
//!
//! A static archive can lose its constructor and another library's constructor can run first; then the first call does
//! its work.  Two threads that do so at once get the same result.  Answers that may change later are not cached.

// Sound because: the constructor touches nothing but its own atomics and asks the loader; the variable that is read is
// the libc's of that name.
#![allow(unsafe_code)]

use crate::kernel::process;
use crate::libc_abi::{self, weak, Libc, Recognition};
use core::sync::atomic::{AtomicPtr, AtomicU8, Ordering};
use libc::{c_char, c_void};

const EXAMINED: u8 = 1;
const KERNEL_SUPPORT: u8 = 2;
const GLIBC: u8 = 4;
const MUSL: u8 = 8;
const NOT_RECOGNISED: u8 = 16;

static STATE: AtomicU8 = AtomicU8::new(0);

// Miri has no loader and none of the libc's functions that would be looked up.
#[cfg(not(miri))]
ctor::declarative::ctor! {
    #[ctor(unsafe)]
    fn at_load() {
        let errno = crate::errno::get();
        examine();
        crate::errno::set(errno);
    }
}

/// A function of the libc whose name this library has as well.
pub struct Next {
    name: &'static [u8],
    /// Where the libc has several.
    version: Option<&'static [u8]>,
    address: AtomicPtr<c_void>,
}

/// The version of a function that glibc's first release for the architecture had.
const OLDEST: &[u8] = if cfg!(target_arch = "x86_64") {
    b"GLIBC_2.2.5\0"
} else if cfg!(target_arch = "arm") {
    b"GLIBC_2.4\0"
} else if cfg!(target_arch = "powerpc64") {
    b"GLIBC_2.3\0"
} else {
    b"GLIBC_2.2\0"
};

impl Next {
    const fn new(name: &'static [u8]) -> Self {
        Next { name, version: None, address: AtomicPtr::new(core::ptr::null_mut()) }
    }

    /// glibc has two versions on its older architectures; the other one, the OLDEST, serves programs linked before 2.15
    /// and runs files of unknown format with the shell.
    const fn since_2_15(name: &'static [u8]) -> Self {
        let once = cfg!(any(
            target_arch = "aarch64",
            target_arch = "riscv64",
            target_arch = "riscv32",
            target_arch = "loongarch64",
            target_arch = "csky",
            all(target_arch = "powerpc64", target_endian = "little"),
        ));
        let version: Option<&[u8]> = if once { None } else { Some(b"GLIBC_2.15\0") };
        Next { name, version, address: AtomicPtr::new(core::ptr::null_mut()) }
    }

    /// Null where the libc has no such function.
    pub fn get(&self) -> *mut c_void {
        Runtime::get();
        if self.address.load(Ordering::Acquire).is_null() && !weak::looks_up_at_load() {
            self.look_up();
        }
        self.address.load(Ordering::Acquire)
    }

    fn look_up(&self) {
        let mut found = weak::next_definition(self.name);
        if let Some(version) = self.version {
            let of_version = weak::next_definition_of(self.name, version);
            // Another library, which comes before the libc and knows no versions, is only found without.
            if !of_version.is_null() && (found.is_null() || found == weak::next_definition_of(self.name, OLDEST)) {
                found = of_version;
            }
        }
        self.address.store(found, Ordering::Release);
    }
}

pub static POSIX_SPAWN: Next = Next::since_2_15(b"posix_spawn\0");
pub static POSIX_SPAWNP: Next = Next::since_2_15(b"posix_spawnp\0");
pub static SET_FLAGS: Next = Next::new(b"posix_spawnattr_setflags\0");

/// glibc's own record, since 2.32, of whether the process has one thread.
static SINGLE_THREADED: AtomicPtr<c_char> = AtomicPtr::new(core::ptr::null_mut());

// Only looked for when the layouts were not recognised: to look for what is not there allocates.
pub static PIDFD_SPAWN: Next = Next::new(b"pidfd_spawn\0");
pub static PIDFD_SPAWNP: Next = Next::new(b"pidfd_spawnp\0");
pub static SET_CGROUP: Next = Next::new(b"posix_spawnattr_setcgroup_np\0");
pub static GET_CGROUP: Next = Next::new(b"posix_spawnattr_getcgroup_np\0");

#[derive(Clone, Copy)]
pub struct Runtime(u8);

impl Runtime {
    #[inline]
    pub fn get() -> Self {
        match STATE.load(Ordering::Acquire) {
            0 => examine(),
            state => Runtime(state),
        }
    }

    /// Whether the kernel can make, poll and wait for pidfds.
    #[inline]
    pub fn has_pidfds(self) -> bool {
        self.0 & KERNEL_SUPPORT != 0 || ask_kernel()
    }

    /// Whether the caller is the only thread, as far as the libc knows or the kernel.
    pub fn has_one_thread(self) -> bool {
        self.records_one_thread() == Some(true) || process::is_single_threaded()
    }

    /// Whether the libc knows the caller to be the only thread, if it keeps a record.  After the end of others it need
    /// not.
    pub fn records_one_thread(self) -> Option<bool> {
        let record = SINGLE_THREADED.load(Ordering::Acquire);
        // SAFETY: null or that variable.
        (!record.is_null()).then(|| unsafe { record.read_volatile() } != 0)
    }

    /// The libc whose layouts were seen.
    #[inline]
    pub fn abi(self) -> Option<Libc> {
        if self.0 & GLIBC != 0 {
            Some(Libc::Glibc)
        } else if self.0 & MUSL != 0 {
            Some(Libc::Musl)
        } else if self.0 & NOT_RECOGNISED != 0 {
            None
        } else {
            recognise()
        }
    }
}

#[cold]
fn examine() -> Runtime {
    if weak::looks_up_at_load() {
        POSIX_SPAWN.look_up();
        POSIX_SPAWNP.look_up();
        SET_FLAGS.look_up();
        if weak::glibc_minor_version().map_or(false, |minor| minor >= 32) {
            SINGLE_THREADED.store(weak::definition(b"__libc_single_threaded\0").cast(), Ordering::Release);
        }
    }
    if !libc_abi::is_examined_without_allocation() {
        recognise();
    }
    Runtime(STATE.fetch_or(EXAMINED, Ordering::AcqRel) | EXAMINED)
}

#[cold]
fn ask_kernel() -> bool {
    let has_them = process::waits_for_pidfds();
    if has_them {
        STATE.fetch_or(KERNEL_SUPPORT, Ordering::AcqRel);
    }
    has_them
}

#[cold]
fn recognise() -> Option<Libc> {
    // The libc's functions may change it.
    let errno = crate::errno::get();
    let recognition = libc_abi::recognise();
    crate::errno::restore(errno);
    let (abi, known) = match recognition {
        Recognition::Seen(abi @ Libc::Glibc) => (Some(abi), GLIBC),
        Recognition::Seen(abi @ Libc::Musl) => (Some(abi), MUSL),
        Recognition::NotNow(abi) => (Some(abi), 0),
        Recognition::Unknown => {
            for function in [&PIDFD_SPAWN, &PIDFD_SPAWNP, &SET_CGROUP, &GET_CGROUP] {
                function.look_up();
            }
            (None, NOT_RECOGNISED)
        }
    };
    STATE.fetch_or(known, Ordering::AcqRel);
    abi
}
