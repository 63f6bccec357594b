//! Makes the engine into libpidfd_spawn.so and libpidfd_spawn.a: what a Rust program would bring along and a C library
//! must have of its own.

#![no_std]

#[cfg(not(target_os = "linux"))]
compile_error!("pidfds exist on Linux alone");

#[cfg(not(panic = "abort"))]
compile_error!("a C library must not unwind into its caller: build with panic = \"abort\", as both profiles here do");

// The linker takes the C functions from here.
pub use pidfd_spawn::capi::*;

mod interposed;

/// Nothing in the engine panics, which the check of the finished library shows: this is gone from it.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    // SAFETY: abort takes nothing and does not return.
    unsafe { libc::abort() }
}

#[cfg(target_arch = "arm")]
core::arch::global_asm!(include_str!("personality-arm.s"));
