//! aarch64: `svc` takes the number in x8 and arguments in x0 to x5; it changes x0 alone, and what SVE adds to the
//! vector registers, which a compiler does not use unless it is told to.

// Sound because: as in x86_64.rs.
#![allow(unsafe_code)]

use core::arch::asm;
use libc::c_void;

/// A system call with up to three arguments.
///
/// # Safety
/// The arguments must be what the system call `number` asks for.
#[inline(always)]
pub unsafe fn syscall3(number: usize, a: usize, b: usize, c: usize) -> isize {
    let result: isize;
    asm!(
        "svc 0",
        in("x8") number,
        inlateout("x0") a as isize => result,
        in("x1") b,
        in("x2") c,
        options(nostack, preserves_flags)
    );
    result
}

/// A system call with up to six arguments.
///
/// # Safety
/// As `syscall3`.
#[inline(always)]
pub unsafe fn syscall6(number: usize, a: usize, b: usize, c: usize, d: usize, e: usize, f: usize) -> isize {
    let result: isize;
    asm!(
        "svc 0",
        in("x8") number,
        inlateout("x0") a as isize => result,
        in("x1") b,
        in("x2") c,
        in("x3") d,
        in("x4") e,
        in("x5") f,
        options(nostack, preserves_flags)
    );
    result
}

/// As in x86_64.rs.  There is no red zone.  The link register changes in the child alone, whose return address leads
/// into the caller's function, so that an unwinder finds the caller's frames.  A guarded control stack (GCS) is the
/// caller's for a vfork child.
///
/// # Safety
/// As in x86_64.rs.
#[inline(always)]
pub unsafe fn clone_calling(
    number: usize,
    a: usize,
    b: usize,
    c: usize,
    entry: unsafe extern "C" fn(*const c_void) -> !,
    argument: *const c_void,
) -> isize {
    let result: isize;
    asm!(
        "svc 0",
        "cbnz x0, 2f",
        "mov x0, {argument}",
        "blr {entry}",
        "brk 1",
        "2:",
        entry = in(reg) entry,
        argument = in(reg) argument,
        in("x8") number,
        inout("x0") a as isize => result,
        in("x1") b,
        in("x2") c,
    );
    result
}
