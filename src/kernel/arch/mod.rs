//! What differs between architectures: the system call instruction and the calling convention around clone.
//! Each file has the same three functions and nothing but instructions.  build.rs chooses.

#[cfg_attr(instructions = "x86_64", path = "x86_64.rs")]
#[cfg_attr(instructions = "x86", path = "x86.rs")]
#[cfg_attr(instructions = "aarch64", path = "aarch64.rs")]
#[cfg_attr(instructions = "arm", path = "arm.rs")]
#[cfg_attr(instructions = "riscv64", path = "riscv64.rs")]
#[cfg_attr(instructions = "assembled", path = "assembled.rs")]
#[cfg_attr(instructions = "generic", path = "generic.rs")]
mod instructions;
pub use instructions::*;
