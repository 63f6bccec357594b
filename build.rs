//! Decides which instructions src/kernel/arch/mod.rs takes, and assembles what the compiler has no inline assembly for.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/libc_abi/weak.s");
    let target = |key: &str| env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    // Off Linux, which alone has pidfds, the crate is empty.
    if target("OS") != "linux" {
        return;
    }
    let (arch, width) = (target("ARCH"), target("POINTER_WIDTH"));
    let instructions = match (arch.as_str(), width.as_str()) {
        ("x86_64" | "aarch64" | "riscv64" | "loongarch64", "64") | ("x86" | "arm", "32") => {
            println!("cargo:rustc-cfg=inline_assembly");
            return;
        }
        ("s390x", _) => Some("s390x.s"),
        ("powerpc64" | "powerpc", _) => Some("powerpc.S"),
        ("mips64" | "mips64r6", "64") | ("mips" | "mips32r6", "32") => Some("mips.S"),
        ("sparc64", _) => Some("sparc64.s"),
        _ => None,
    };
    let mut assembler = cc::Build::new();
    assembler.flag("-Wa,--noexecstack").file("src/libc_abi/weak.s");
    match instructions {
        Some(name) => {
            let file = format!("src/kernel/arch/{name}");
            println!("cargo:rerun-if-changed={file}");
            assembler.file(file);
        }
        None => println!("cargo:rustc-cfg=generic_instructions"),
    }
    assembler.compile("pidfd_spawn_assembled");
}
