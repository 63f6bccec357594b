//! System calls as typed functions that return a `Result` and never touch errno.
//!
//! `fd`, `process` and `signal` hold the calls by what they act on, `status` what procfs tells, `uapi` the kernel's
//! structures, `width` the calls that 32-bit processes have twice, `arch` the instructions.  Everything here may be
//! called in a child that shares its parent's memory: no function calls the libc, allocates or panics.

// Sound because: `zeroed` writes all of the room that it gives out, and only types for which zeroes are a value promise
// to be `Zeroable`.
#![allow(unsafe_code)]

#[cfg(all(
    target_pointer_width = "32",
    any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "mips64", target_arch = "mips64r6")
))]
compile_error!("the system calls of 64 bits, with pointers of 32 bits (x32, ilp32, n32), are unknown to pidfd_spawn");

#[cfg(target_arch = "m68k")]
compile_error!("m68k aligns numbers to 2 bytes; the libc's layouts there are unknown to pidfd_spawn");

pub mod arch;
pub mod fd;
pub mod process;
pub mod signal;
pub mod status;
pub mod uapi;
mod width;

use crate::errno::{Errno, Result};
use core::mem::{size_of, MaybeUninit};
use core::ptr;

/// The kernel returns an error number negated; the highest is 4095.
fn check(result: isize) -> Result<usize> {
    if (-4095..0).contains(&result) {
        Err(Errno(-result as libc::c_int))
    } else {
        Ok(result as usize)
    }
}

/// One system call with up to six integer or pointer arguments, as a `Result`.
macro_rules! call {
    ($number:expr) => { call!($number, 0, 0, 0) };
    ($number:expr, $a:expr) => { call!($number, $a, 0, 0) };
    ($number:expr, $a:expr, $b:expr) => { call!($number, $a, $b, 0) };
    ($number:expr, $a:expr, $b:expr, $c:expr) => {
        $crate::kernel::check($crate::kernel::arch::syscall3(
            $number as usize,
            $a as usize,
            $b as usize,
            $c as usize,
        ))
    };
    ($number:expr, $a:expr, $b:expr, $c:expr, $d:expr $(, $e:expr $(, $f:expr)?)?) => {
        $crate::kernel::check($crate::kernel::arch::syscall6(
            $number as usize,
            $a as usize,
            $b as usize,
            $c as usize,
            $d as usize,
            0 $(+ $e as usize)?,
            0 $($(+ $f as usize)?)?,
        ))
    };
}
use call;

/// A type for which all-zero bytes are a valid value.
///
/// # Safety
/// All-zero bytes are a valid value, and the type is aligned for machine words.
pub unsafe trait Zeroable {}

/// Bytes that are aligned for machine words.
#[repr(align(8))]
pub struct Buffer<const N: usize>(pub [u8; N]);

// SAFETY: numbers.
unsafe impl<const N: usize> Zeroable for Buffer<N> {}

/// A value of zeroes in that room.  Written word by word, because for the usual ways of making one the compiler may
/// call the libc's memset.  That the finished library names no such function is what shows that the child of a spawn
/// calls none.
#[inline(always)]
pub fn zeroed<T: Zeroable>(room: &mut MaybeUninit<T>) -> &mut T {
    let words = room.as_mut_ptr().cast::<usize>();
    let count = size_of::<T>() / size_of::<usize>();
    // SAFETY: all of the room is written, and zeroes are a value of the type.
    unsafe {
        // A short one without a loop, which the compiler would keep.
        macro_rules! first_words {
            ($($index:literal)*) => {
                $(if $index < count { ptr::write_volatile(words.add($index), 0) })*
            };
        }
        first_words!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
        for index in 16..count {
            ptr::write_volatile(words.add(index), 0);
        }
        &mut *room.as_mut_ptr()
    }
}

/// Zero, and with words of 32 bits one that the compiler does not know: several adjacent ones that it knows are more
/// stores there than it makes rather than to call the libc's memset.
#[inline(always)]
fn opaque_zero() -> u32 {
    const ZERO: u32 = 0;
    if cfg!(target_pointer_width = "64") {
        return ZERO;
    }
    // SAFETY: a constant.
    unsafe { ptr::read_volatile(&ZERO) }
}

/// Repeats a call until its result is not EINTR.
fn retry<T>(mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match attempt() {
            Err(Errno(libc::EINTR)) => {}
            result => return result,
        }
    }
}
