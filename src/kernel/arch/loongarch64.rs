//! loongarch64: `syscall 0` takes the number in a7 and arguments in a0 to a5; it changes a0 and overwrites t0 to t8.

// Sound because: as in x86_64.rs.
#![allow(unsafe_code)]

use core::arch::asm;
use libc::c_void;

/// `asm!` that says so of the temporary registers.
macro_rules! clobbering_temporaries {
    ($($operands:tt)*) => {
        asm!(
            $($operands)*
            out("$t0") _, out("$t1") _, out("$t2") _, out("$t3") _, out("$t4") _, out("$t5") _, out("$t6") _,
            out("$t7") _, out("$t8") _,
        )
    };
}

/// A system call with up to three arguments.
///
/// # Safety
/// The arguments must be what the system call `number` asks for.
#[inline(always)]
pub unsafe fn syscall3(number: usize, a: usize, b: usize, c: usize) -> isize {
    let result: isize;
    clobbering_temporaries!(
        "syscall 0",
        in("$a7") number,
        inlateout("$a0") a as isize => result,
        in("$a1") b,
        in("$a2") c,
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
    clobbering_temporaries!(
        "syscall 0",
        in("$a7") number,
        inlateout("$a0") a as isize => result,
        in("$a1") b,
        in("$a2") c,
        in("$a3") d,
        in("$a4") e,
        in("$a5") f,
    );
    result
}

/// As in x86_64.rs.  There is no red zone; the return address register changes in the child alone.
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
    clobbering_temporaries!(
        "syscall 0",
        "bnez $a0, 2f",
        "move $a0, {argument}",
        "jirl $ra, {entry}, 0",
        "break 0",
        "2:",
        entry = in(reg) entry,
        argument = in(reg) argument,
        in("$a7") number,
        inout("$a0") a as isize => result,
        in("$a1") b,
        in("$a2") c,
    );
    result
}
