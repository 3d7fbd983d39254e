//! Link arguments of the shared library: its SONAME and `-z nodelete`.
//!
//! `nodelete`: a `dlclose` must not unmap code that a library thread is still running.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libnethttp.so.0");
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
