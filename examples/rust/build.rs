//! A build script, as many programs have one.  It starts a child, too.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let output = Command::new("echo").arg("a build script").output().expect("echo starts");
    println!("cargo:rustc-env=BUILT_BY={}", String::from_utf8_lossy(&output.stdout).trim());
}
