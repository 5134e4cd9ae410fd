//! Where libzverse.so is: in ZVERSE_LIB_DIR, or where pkg-config says that it was installed.

use std::{env, process::Command};

fn main() {
    println!("cargo:rerun-if-env-changed=ZVERSE_LIB_DIR");
    println!("cargo:rustc-link-lib=dylib=zverse");
    if let Some(dir) = env::var("ZVERSE_LIB_DIR").ok().or_else(installed) {
        println!("cargo:rustc-link-search=native={dir}");
    }
}

fn installed() -> Option<String> {
    let said = Command::new("pkg-config").args(["--variable=libdir", "zverse-c"]).output().ok()?;
    let dir = String::from_utf8(said.stdout).ok()?.trim().to_owned();
    (said.status.success() && !dir.is_empty()).then_some(dir)
}
