//! Makes the engine into libpidfd_spawn.so and libpidfd_spawn.a: what a Rust program would bring along and a C library
//! must have of its own.

#![no_std]

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

// The precompiled core library can refer to this although nothing unwinds.  Undefined, it would make every process that
// preloads the library fail to start; weak and hidden, it is in nobody's way.
core::arch::global_asm!(
    ".pushsection .text.rust_eh_personality,\"ax\",%progbits",
    ".weak rust_eh_personality",
    ".hidden rust_eh_personality",
    ".type rust_eh_personality,%function",
    "rust_eh_personality:",
    "ud2",
    ".size rust_eh_personality, . - rust_eh_personality",
    ".popsection",
);
