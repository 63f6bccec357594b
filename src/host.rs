//! What the process that the library was loaded into offers: its libc's layouts and the kernel's pidfd interface.
//!
//! Examined once, by a constructor at load, so that no later call needs a lookup or an allocation.  A static archive
//! can lose its constructor and another library's constructor can run first; then the first call examines.  Two
//! threads that do so at once find the same.

// Sound because: the only unsafe things are the constructor, which touches nothing but its own atomics and the libc's
// allocator, and reading back a function pointer that was stored here.
#![allow(unsafe_code)]

use crate::kernel::process;
use crate::libc_abi::{self, weak, Libc};
use core::mem::transmute;
use core::sync::atomic::{AtomicPtr, AtomicU8, Ordering};
use libc::{c_char, c_int, c_void};

/// pidfd_spawn and pidfd_spawnp.
pub type NativeSpawn = unsafe extern "C" fn(
    *mut c_int,
    *const c_char,
    *const c_void,
    *const c_void,
    *const *mut c_char,
    *const *mut c_char,
) -> c_int;

const EXAMINED: u8 = 1;
const KERNEL_SUPPORT: u8 = 2;
const GLIBC: u8 = 8;
const MUSL: u8 = 16;

static STATE: AtomicU8 = AtomicU8::new(0);

/// The libc's own functions; only looked for when its layouts were not recognised.
static NATIVE_SPAWN: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());
static NATIVE_SPAWNP: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());

ctor::declarative::ctor! {
    #[ctor(unsafe)]
    fn at_load() {
        let errno = crate::errno::get();
        examine();
        crate::errno::set(errno);
    }
}

#[derive(Clone, Copy)]
pub struct Host(u8);

impl Host {
    #[inline]
    pub fn get() -> Self {
        match STATE.load(Ordering::Acquire) {
            0 => examine(),
            state => Host(state),
        }
    }

    /// Whether the kernel can make, poll and wait for pidfds.
    pub fn has_pidfds(self) -> bool {
        self.0 & KERNEL_SUPPORT != 0
    }

    pub fn libc(self) -> Option<Libc> {
        if self.0 & GLIBC != 0 {
            Some(Libc::Glibc)
        } else if self.0 & MUSL != 0 {
            Some(Libc::Musl)
        } else {
            None
        }
    }
}

/// The libc's own pidfd_spawn, if the layouts are not known and it has one.
pub fn native_spawn() -> Option<NativeSpawn> {
    // SAFETY: null or the function that dlsym gave for that name.
    unsafe { transmute(NATIVE_SPAWN.load(Ordering::Acquire)) }
}

/// The libc's own pidfd_spawnp, likewise.
pub fn native_spawnp() -> Option<NativeSpawn> {
    // SAFETY: as above.
    unsafe { transmute(NATIVE_SPAWNP.load(Ordering::Acquire)) }
}

#[cold]
fn examine() -> Host {
    let mut state = EXAMINED;
    if process::waits_for_pidfds() {
        state |= KERNEL_SUPPORT;
    }
    match libc_abi::recognise() {
        Some(Libc::Glibc) => state |= GLIBC,
        Some(Libc::Musl) => state |= MUSL,
        None => {
            NATIVE_SPAWN.store(weak::next_definition(b"pidfd_spawn\0"), Ordering::Release);
            NATIVE_SPAWNP.store(weak::next_definition(b"pidfd_spawnp\0"), Ordering::Release);
        }
    }
    STATE.store(state, Ordering::Release);
    Host(state)
}
