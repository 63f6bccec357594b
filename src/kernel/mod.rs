//! System calls as typed functions that return a `Result` and never touch errno.
//!
//! `fd`, `process` and `signal` hold the calls by what they act on, `uapi` the kernel's structures, `width` the calls that
//! 32-bit processes have twice, `arch` the instructions.  Everything here may be called in a child that shares its parent's memory: no function calls the libc,
//! allocates or panics.

pub mod arch;
pub mod fd;
pub mod process;
pub mod signal;
pub mod uapi;
mod width;

use crate::errno::{Errno, Result};
use core::mem::{align_of, size_of, MaybeUninit};
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

/// What zeroes are a value of.
///
/// # Safety
/// They are.
#[allow(unsafe_code)]
pub unsafe trait Zeroable {}

// SAFETY: numbers.
#[allow(unsafe_code)]
unsafe impl<const N: usize> Zeroable for [u8; N] {}

/// A value of zeroes in that room.  Written piece by piece, because for the usual ways of making one the compiler may call
/// the libc's memset.  That the finished library names no such function is what shows that the child of a spawn calls
/// none.
#[inline(always)]
pub fn zeroed<T: Zeroable>(room: &mut MaybeUninit<T>) -> &mut T {
    // SAFETY: all of the room is written, in pieces for which it is aligned, and zeroes are a value of the type.
    #[allow(unsafe_code)]
    unsafe {
        if align_of::<T>() >= align_of::<usize>() {
            write_zeroes::<usize, T>(room, 0);
        } else {
            write_zeroes::<u8, T>(room, 0);
        }
        &mut *room.as_mut_ptr()
    }
}

#[allow(unsafe_code)]
#[inline(always)]
unsafe fn write_zeroes<Piece: Copy, T>(room: &mut MaybeUninit<T>, zero: Piece) {
    let pieces = room.as_mut_ptr().cast::<Piece>();
    for index in 0..size_of::<T>() / size_of::<Piece>() {
        ptr::write_volatile(pieces.add(index), zero);
    }
}

/// Stops a search at the first result that is not an interrupted call.
fn retry<T>(mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match attempt() {
            Err(Errno(libc::EINTR)) => {}
            result => return result,
        }
    }
}
