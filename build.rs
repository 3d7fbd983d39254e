//! Link arguments of the shared library, its SONAME and `-z nodelete`; and `NETHTTP_ABI_VERSION` for the sources.
//!
//! `nodelete`: a `dlclose` must not unmap code that a library thread is still running.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=Cargo.toml");
    let manifest = std::fs::read_to_string("Cargo.toml").unwrap_or_default();
    // cmake/version.cmake reads the same line.
    let Some(abi) = manifest.lines().find_map(|line| line.strip_prefix("abi-version = ")) else {
        panic!("Cargo.toml has no abi-version");
    };
    println!("cargo:rustc-env=NETHTTP_ABI_VERSION={abi}");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libnethttp.so.{abi}");
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
