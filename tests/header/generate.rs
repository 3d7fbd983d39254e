//! Makes the header: the rules, the handles, then a section for each file of `src/ffi`, from simple to advanced.

use super::root;
use nethttp::ffi::version::{NH_ABI_VERSION, NH_VERSION_NUMBER};
use std::path::{Path, PathBuf};

/// ORDER of the sections; a file that is not named here comes after those that are.
const ORDER: &[&str] = &[
    "result",
    "error",
    "error_http2",
    "callback",
    "version",
    "status",
    "header",
    "values",
    "url",
    "escape",
    "date",
    "auth",
    "sniff",
    "request",
    "request_body",
    "request_clone",
    "request_conn",
    "request_get",
    "request_disconnect",
    "request_progress",
    "request_target",
    "request_trace",
    "request_value",
    "request_write",
    "response",
    "response_body",
    "response_conn",
    "response_new",
    "response_timing",
    "response_tls",
    "response_write",
    "client",
    "client_dial",
    "client_proxy",
    "client_redirect",
    "client_settings",
    "client_oneshot",
    "client_tls",
    "client_tunnel",
    "multipart",
    "cookie",
    "jar",
    "jar_callback",
    "tls_config",
    "tls_config_pem",
    "tls_config_server",
    "protocols",
    "http2_config",
    "handler",
    "mux",
    "server",
    "server_fields",
    "server_listen",
    "server_protocols",
    "server_pull",
    "server_request",
    "server_settings",
    "server_shutdown",
    "server_observe",
    "server_end",
    "response_writer",
    "response_writer_detach",
    "response_writer_wrap",
    "responses",
    "middleware",
    "cross_origin",
    "file",
    "file_system",
    "form",
    "multipart_form",
    "cancel",
    "transport",
    "client_conn",
    "round_trip",
    "conn",
    "protocol",
    "reader",
    "log",
    "thread_hooks",
    "duration",
    "tests",
];

pub(crate) fn header() -> String {
    let mut handles = Vec::new();
    let mut sections = String::new();
    for name in names() {
        let path = root().join("src/ffi").join(format!("{name}.rs"));
        let body = section(&path, &mut handles);
        if !body.trim().is_empty() {
            sections.push_str(&banner(&title(&path)));
            sections.push_str(body.trim());
            sections.push_str("\n\n");
        }
    }
    let mut out = String::from("/* Generated from src/ffi by tests/header; do not edit. */\n");
    out.push_str(include_str!("rules.h"));
    out.push_str(
        "#ifndef NETHTTP_H\n#define NETHTTP_H\n\n#include <stddef.h>\n#include <stdint.h>\n\n\
         #ifdef __cplusplus\nextern \"C\" {\n#endif\n\n",
    );
    out.push_str(&banner("Handles: each is opaque, and named by the pointer to it"));
    out.push_str(&handles.join("\n"));
    out.push('\n');
    out.push_str(&sections);
    out.push_str("#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
    out
}

fn names() -> Vec<String> {
    let dir = std::fs::read_dir(root().join("src/ffi")).expect("src/ffi");
    let mut names: Vec<String> = dir
        .filter_map(|e| e.ok()?.file_name().to_str()?.strip_suffix(".rs").map(str::to_owned))
        .filter(|n| n != "mod" && n != "ptr")
        .collect();
    let stem = |n: &str| ORDER.iter().position(|o| *o == n);
    let rank = |n: &str| {
        // "server_shutdown" follows "server".
        stem(n).map(|r| (r, 0)).or_else(|| {
            let cut = n.rfind('_')?;
            stem(&n[..cut]).map(|r| (r, 1))
        })
    };
    names.sort_by_key(|n| (rank(n).unwrap_or((ORDER.len(), 0)), n.clone()));
    names
}

/// section is what cbindgen makes of one file, its handles moved to `handles`.
fn section(path: &Path, handles: &mut Vec<String>) -> String {
    let mut config = cbindgen::Config::from_file(root().join("cbindgen.toml")).expect("cbindgen.toml");
    // A type that only other files use belongs here all the same.
    let source = std::fs::read_to_string(path).expect("source");
    let types = source.lines().filter_map(|l| {
        let rest = l.strip_prefix("pub type ").or_else(|| l.strip_prefix("pub struct "))?;
        let name = rest.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next()?;
        name.starts_with("nh_").then(|| name.to_owned())
    });
    config.export.include.extend(types);
    let bindings = cbindgen::Builder::new()
        .with_config(config)
        .with_src(evaluated(path))
        .generate()
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut raw = Vec::new();
    bindings.write(&mut raw);
    let raw = String::from_utf8(raw).expect("cbindgen writes UTF-8");
    let mut kept = Vec::new();
    for item in super::docs::items(&raw) {
        let words: Vec<&str> = item.code.trim_end_matches(';').split_whitespace().collect();
        let text = tidy(&item.text);
        match words.as_slice() {
            ["typedef", "struct", a, b] if a == b => {
                // A handle that is only mentioned here has no doc; its own file brings it.
                if !item.comment.is_empty() {
                    handles.push(text + "\n");
                }
            }
            _ => kept.push(short(&text)),
        }
    }
    let mut out = String::new();
    for (i, text) in kept.iter().enumerate() {
        let in_block = |t: &String| t.starts_with("/** ") && t.contains("\n#define ");
        let joined = in_block(text) && kept.get(i + 1).is_some_and(in_block);
        out.push_str(text);
        out.push_str(if joined { "\n" } else { "\n\n" });
    }
    out
}

/// evaluated is a file for cbindgen, which knows literals only: the constants that come from Cargo.toml are numbers there.
fn evaluated(path: &Path) -> PathBuf {
    if !path.ends_with("version.rs") {
        return path.to_owned();
    }
    let mut source = std::fs::read_to_string(path).expect("source");
    for (name, value) in [("NH_VERSION_NUMBER", NH_VERSION_NUMBER), ("NH_ABI_VERSION", NH_ABI_VERSION)] {
        let start = source.find(&format!("pub const {name}: i32 = ")).expect(name);
        let end = start + source[start..].find(';').expect(name);
        source.replace_range(start..end, &format!("pub const {name}: i32 = {value}"));
    }
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("version.rs");
    std::fs::write(&copy, source).expect("a copy of version.rs");
    copy
}

/// tidy puts negative constants into parentheses and takes Rust's backticks out of the comments.
fn tidy(text: &str) -> String {
    let lines =
        text.lines().map(|line| match line.strip_prefix("#define ").and_then(|d| d.split_once(' ')) {
            Some((name, value)) if value.starts_with('-') => format!("#define {name} ({value})"),
            _ if line.trim_start().starts_with('*') => line.replace('`', ""),
            _ => line.to_owned(),
        });
    lines.collect::<Vec<_>>().join("\n")
}

/// short puts a comment of one line on one line.
fn short(text: &str) -> String {
    match text.lines().collect::<Vec<_>>().as_slice() {
        ["/**", line, " */", code @ ..] => {
            format!("/** {} */\n{}", line.trim_start_matches(" *").trim(), code.join("\n"))
        }
        _ => text.to_owned(),
    }
}

/// title is the first sentence of a file's doc comment.
fn title(path: &Path) -> String {
    let source = std::fs::read_to_string(path).expect("source");
    let doc = source.lines().map_while(|l| l.strip_prefix("//!")).take_while(|l| !l.trim().is_empty());
    let doc = doc.collect::<String>().replace('`', "");
    doc.split_inclusive(". ").next().unwrap_or_default().trim().trim_end_matches('.').to_owned()
}

fn banner(title: &str) -> String {
    let rule = "=".repeat(104);
    format!("/* {rule}\n * {title}\n * {rule} */\n\n")
}
