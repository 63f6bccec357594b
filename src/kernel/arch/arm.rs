//! arm (EABI): `svc` takes the number in r7 and arguments in r0 to r5; it changes r0 alone.
//!
//! In Thumb code r7 is the frame pointer, which the compiler keeps for itself, so it is saved and loaded here.

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
        "mov {saved}, r7",
        "mov r7, {number}",
        "svc 0",
        "mov r7, {saved}",
        number = in(reg) number,
        saved = out(reg) _,
        inlateout("r0") a as isize => result,
        in("r1") b,
        in("r2") c,
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
        "mov {saved}, r7",
        "mov r7, {number}",
        "svc 0",
        "mov r7, {saved}",
        number = in(reg) number,
        saved = out(reg) _,
        inlateout("r0") a as isize => result,
        in("r1") b,
        in("r2") c,
        in("r3") d,
        in("r4") e,
        in("r5") f,
        options(nostack, preserves_flags)
    );
    result
}

/// As in x86_64.rs.  There is no red zone, and the stack pointer is a multiple of 8 as a call asks for.
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
        "mov {saved}, r7",
        "mov r7, {number}",
        "svc 0",
        "mov r7, {saved}",
        "cmp r0, #0",
        "bne 2f",
        "mov r0, {argument}",
        "blx {entry}",
        "udf #0",
        "2:",
        entry = in(reg) entry,
        argument = in(reg) argument,
        number = in(reg) number,
        saved = out(reg) _,
        inout("r0") a as isize => result,
        in("r1") b,
        in("r2") c,
    );
    result
}
