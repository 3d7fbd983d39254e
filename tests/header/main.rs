//! The C header and the binary interface: what is committed is what the sources say.
//!
//! `NH_BLESS=1 cargo test --test header` writes `include/nethttp.h` and `abi/nethttp.symbols` anew.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod compile;
mod docs;
mod generate;
mod symbols;

use std::path::{Path, PathBuf};

/// root is the repository's directory.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// is_blessing tells whether committed files are to be written instead of compared.
pub fn is_blessing() -> bool {
    std::env::var("NH_BLESS").is_ok_and(|v| v == "1")
}

/// compare checks a committed file against what it should be, or writes it.
pub fn compare(path: &Path, want: &str) {
    let have = std::fs::read_to_string(path).unwrap_or_default();
    if have == want {
        return;
    }
    if is_blessing() {
        std::fs::write(path, want).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        return;
    }
    let line = have.lines().zip(want.lines()).position(|(a, b)| a != b);
    let line = line.unwrap_or_else(|| have.lines().count().min(want.lines().count()));
    panic!(
        "{} is stale from line {}: run NH_BLESS=1 cargo test --test header\n  have: {:?}\n  want: {:?}",
        path.display(),
        line + 1,
        have.lines().nth(line),
        want.lines().nth(line)
    );
}

/// fresh is the header as the sources make it now; the tests below do not depend on the order of blessing.
pub fn fresh() -> &'static str {
    static HEADER: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    HEADER.get_or_init(generate::header)
}

/// functions are the names that the header declares, in its order.
pub fn functions() -> Vec<String> {
    docs::items(fresh()).into_iter().filter_map(|i| docs::function_name(&i.code)).collect()
}

#[test]
fn header_is_fresh() {
    compare(&root().join("include/nethttp.h"), fresh());
}
