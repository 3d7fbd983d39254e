//! The binary interface: the list in `abi/`, the header and the shared library name the same symbols.

use super::{compare, functions, root};
use std::process::Command;

#[test]
fn list_is_fresh() {
    let mut names = functions();
    names.sort();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count, "a function is declared twice");
    compare(&root().join("abi/nethttp.symbols"), &(names.join("\n") + "\n"));
}

#[test]
fn library_exports_the_header() {
    // target/PROFILE/deps/header-HASH: cargo puts the shared library of the same build there too.
    let exe = std::env::current_exe().unwrap();
    let library = exe.parent().unwrap().join("libnethttp.so");
    let output = Command::new("nm").args(["-D", "--defined-only"]).arg(&library).output();
    let output = output.unwrap_or_else(|e| panic!("nm: {e}"));
    assert!(output.status.success(), "nm {}: {}", library.display(), String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut exported: Vec<&str> = text.lines().filter_map(|l| l.split_whitespace().last()).collect();
    exported.sort_unstable();
    let mut declared = functions();
    declared.sort();
    assert_eq!(exported, declared, "exported by the library, declared by the header");
}
