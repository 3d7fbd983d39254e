//! The header alone compiles in every dialect of C and C++ that programs use, without a warning.

use super::{fresh, root};
use std::path::PathBuf;
use std::process::Command;

const C: &[&[&str]] = &[&["c99"], &["c11"], &["c17"], &["c23", "c2x"]];
const CXX: &[&[&str]] = &[&["c++11"], &["c++14"], &["c++17"], &["c++20", "c++2a"]];

fn compile(compiler: &str, language: &str, standards: &[&[&str]]) {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("header-{language}"));
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("nethttp.h"), fresh()).unwrap();
    let source = dir.join(if language == "c" { "alone.c" } else { "alone.cpp" });
    // Twice: the guard holds. A declaration of its own: an empty translation unit is pedantically wrong.
    std::fs::write(&source, "#include <nethttp.h>\n#include <nethttp.h>\nint nethttp_alone;\n").unwrap();
    let run = |standard: &str| {
        Command::new(compiler)
            .args([&format!("-std={standard}"), "-Wall", "-Wextra", "-Wpedantic", "-Werror"])
            .args(if language == "c" { &["-Wstrict-prototypes", "-Wmissing-prototypes"][..] } else { &[] })
            .args(["-fsyntax-only", "-I"])
            .arg(&dir)
            .arg(&source)
            .output()
    };
    for names in standards {
        let outputs: Vec<_> = names.iter().map(|s| run(s)).collect();
        let Some(Ok(first)) = outputs.first() else {
            let required = std::env::var("NH_REQUIRE_ALL").is_ok_and(|v| v == "1");
            assert!(!required, "{compiler} is missing");
            println!("SKIP: {compiler} is missing");
            return;
        };
        let passed = outputs.iter().flatten().any(|o| o.status.success());
        assert!(passed, "{compiler} -std={}:\n{}", names[0], String::from_utf8_lossy(&first.stderr));
    }
}

#[test]
fn compiles_as_c() {
    compile(&std::env::var("CC").unwrap_or_else(|_| "cc".into()), "c", C);
}

#[test]
fn compiles_as_cplusplus() {
    compile(&std::env::var("CXX").unwrap_or_else(|_| "c++".into()), "c++", CXX);
}

#[test]
fn has_no_line_that_editors_cut() {
    for (n, line) in fresh().lines().enumerate() {
        assert!(
            line.chars().count() <= 120,
            "line {} has {} characters: {line}",
            n + 1,
            line.chars().count()
        );
    }
    assert!(root().join("include").is_dir());
}
