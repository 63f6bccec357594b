//! riscv64: `ecall` takes the number in a7 and arguments in a0 to a5; it changes a0, and as the kernel documents the
//! vector registers.

// Sound because: as in x86_64.rs.
#![allow(unsafe_code)]

use core::arch::asm;
use libc::c_void;

/// `asm!` that says so of the vector registers.
macro_rules! clobbering_vectors {
    ($($operands:tt)*) => {
        asm!(
            $($operands)*
            out("v0") _, out("v1") _, out("v2") _, out("v3") _, out("v4") _, out("v5") _, out("v6") _, out("v7") _,
            out("v8") _, out("v9") _, out("v10") _, out("v11") _, out("v12") _, out("v13") _, out("v14") _,
            out("v15") _, out("v16") _, out("v17") _, out("v18") _, out("v19") _, out("v20") _, out("v21") _,
            out("v22") _, out("v23") _, out("v24") _, out("v25") _, out("v26") _, out("v27") _, out("v28") _,
            out("v29") _, out("v30") _, out("v31") _,
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
    clobbering_vectors!(
        "ecall",
        in("a7") number,
        inlateout("a0") a as isize => result,
        in("a1") b,
        in("a2") c,
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
    clobbering_vectors!(
        "ecall",
        in("a7") number,
        inlateout("a0") a as isize => result,
        in("a1") b,
        in("a2") c,
        in("a3") d,
        in("a4") e,
        in("a5") f,
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
    clobbering_vectors!(
        "ecall",
        "bnez a0, 2f",
        "mv a0, {argument}",
        "jalr {entry}",
        "unimp",
        "2:",
        entry = in(reg) entry,
        argument = in(reg) argument,
        in("a7") number,
        inout("a0") a as isize => result,
        in("a1") b,
        in("a2") c,
    );
    result
}
