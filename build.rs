//! Decides which instructions src/kernel/arch/mod.rs takes, and assembles what the compiler has no inline assembly for.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/libc_abi/weak.s");
    println!("cargo:rerun-if-changed=src/libc_abi/weak-private.s");
    let target = |key: &str| env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    // For the build script of packaging/.
    if env::var_os("CARGO_FEATURE_STD").is_some() {
        println!("cargo:std=1");
    }
    // Off Linux, which alone has pidfds, the crate is empty.
    if target("OS") != "linux" {
        return;
    }
    let (arch, width) = (target("ARCH"), target("POINTER_WIDTH"));
    name_what_architectures_share(&arch, &width);
    // For the stacks that children get.  By this rather than debug_assertions: each can be had without the other.
    if matches!(env::var("OPT_LEVEL").as_deref(), Ok("0" | "1")) {
        println!("cargo:rustc-cfg=large_frames");
    }
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
    if env::var_os("CARGO_FEATURE___C_LIBRARY").is_some() {
        assembler.file("src/libc_abi/weak-private.s");
    }
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

/// For conditions in src/kernel/ that would name several architectures each time.
fn name_what_architectures_share(arch: &str, pointer_width: &str) {
    let mips = matches!(arch, "mips" | "mips32r6" | "mips64" | "mips64r6");
    // The kernel's generic table of calls has only the wider one of two.
    let calls_twice = pointer_width == "32" && !matches!(arch, "riscv32" | "csky");
    for (name, holds) in [
        ("mips", mips),
        ("sparc", matches!(arch, "sparc" | "sparc64")),
        // The kernel's struct sigaction has a restorer.
        ("sigaction_restorer", !mips && !matches!(arch, "riscv64" | "riscv32" | "loongarch64" | "csky")),
        ("calls_twice", calls_twice),
        // IDs had 16 bits before they had 32.
        ("short_ids", calls_twice && !mips && arch != "powerpc"),
    ] {
        if holds {
            println!("cargo:rustc-cfg={name}");
        }
    }
}
