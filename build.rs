//! Assembles what the compiler has no inline assembly for.  Which instructions are taken, src/kernel/arch/mod.rs says.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/libc_abi/weak.s");
    let target = |key: &str| env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    // Off Linux, which alone has pidfds, the crate is empty.
    if target("OS") != "linux" {
        return;
    }
    let name = match target("ARCH").as_str() {
        "s390x" => "s390x",
        "powerpc64" => "powerpc64le",
        _ => return,
    };
    let instructions = format!("src/kernel/arch/{name}.s");
    println!("cargo:rerun-if-changed={instructions}");
    cc::Build::new()
        .files([instructions.as_str(), "src/libc_abi/weak.s"])
        .flag("-Wa,--noexecstack")
        .compile("pidfd_spawn_assembled");
}
