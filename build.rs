//! Refuses, in plain words, a target for which the engine has no system call instructions.

use std::env;

/// The architectures with a file in src/kernel/arch/.
const ARCHITECTURES: &[&str] = &["x86_64"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let os = target("OS");
    let architecture = target("ARCH");
    let pointers = target("POINTER_WIDTH");
    if os != "linux" && os != "android" {
        panic!("pidfds exist on Linux alone; this build is for {os}");
    }
    if !ARCHITECTURES.contains(&architecture.as_str()) || pointers != "64" {
        panic!(
            "no system call instructions for {architecture} with {pointers}-bit pointers; known: {ARCHITECTURES:?}. \
             CONTRIBUTING.md says how to add an architecture."
        );
    }
}

fn target(key: &str) -> String {
    env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default()
}
