//! The structure of `src`, as docs/architecture.md has it, kept by looking at the text: imports between its
//! modules go one way, what is C's or the system's stays where it belongs, a type's name is its own, files are short.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const MOST_LINES: usize = 400;

/// What still offends against a rule, by rule and place. A line that is not needed any more is a fault too.
const KNOWN: &[(&str, &str)] = &[
    // A text that C may ask for ends in NUL where it is kept, and is lent as that.
    ("C type", "message/header.rs"),
    ("C type", "message/request.rs"),
    ("C type", "message/sniff.rs"),
    ("C type", "message/text.rs"),
    ("C type", "message/tls_info.rs"),
    ("C type", "mux/routing_table.rs"),
    ("C type", "net/tls/info.rs"),
    ("C type", "transport/dialer.rs"),
    // Names for the system's resolver.
    ("C type", "net/resolve.rs"),
    // A server serves a mux without a detour, and a mux is a handler.
    ("circle", "mux server"),
    ("lines", "ffi/request.rs"),
    ("lines", "ffi/url.rs"),
    ("lines", "net/tls/stream.rs"),
    ("lines", "server/writer.rs"),
    ("lines", "transport/mod.rs"),
];

struct File {
    /// From `src` on.
    path: String,
    /// Without comments, strings and unit tests.
    code: String,
    lines: usize,
}

#[test]
fn the_sources_keep_to_it() {
    let mut files = Vec::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut files);
    assert!(files.len() > 100, "{} files", files.len());
    let found = faults(&files);
    let known: BTreeSet<(String, String)> =
        KNOWN.iter().map(|(rule, place)| (rule.to_string(), place.to_string())).collect();
    let new: Vec<_> = found.difference(&known).collect();
    let gone: Vec<_> = known.difference(&found).collect();
    assert!(new.is_empty() && gone.is_empty(), "faults: {new:#?}\nno faults any more: {gone:#?}");
}

#[test]
fn each_fault_is_found() {
    let circle = [
        ("a/x.rs", "use crate::b::Y;"),
        ("b.rs", "use super::{c::Z, sync};"),
        ("c/mod.rs", "fn f() { crate::a::x() }"),
    ];
    let twins = [("a.rs", "struct Twin;"), ("b.rs", "pub(crate) enum Twin<T> {}")];
    let long = "\n".repeat(MOST_LINES + 1);
    type Sources<'a> = &'a [(&'a str, &'a str)];
    let cases: [(&str, &str, Sources<'_>); 7] = [
        ("circle", "a b c", &circle),
        (
            "unsafe",
            "a.rs",
            &[("a.rs", "unsafe { f() }"), ("ffi/b.rs", "unsafe {}"), ("sys/c.rs", "unsafe {}")],
        ),
        (
            "extern \"C\"",
            "a.rs",
            &[("a.rs", "extern \"C\" fn f() {}"), ("ffi/b.rs", "extern \"C\" fn g() {}")],
        ),
        ("libc", "a.rs", &[("a.rs", "libc::EINTR"), ("sys/mod.rs", "libc::EIO")]),
        ("C type", "a.rs", &[("a.rs", "fn f(s: &CStr) {}"), ("ffi/b.rs", "fn f(s: *const c_char) {}")]),
        ("twin", "Twin: a.rs b.rs", &twins),
        ("lines", "a.rs", &[("a.rs", &long), ("b.rs", "")]),
    ];
    for (rule, place, files) in cases {
        let files: Vec<_> = files.iter().map(|(path, text)| file(path, text)).collect();
        let found: Vec<_> = faults(&files).into_iter().collect();
        assert_eq!(found, [(rule.to_string(), place.to_string())]);
    }
    let clean =
        "// unsafe libc\nfn f() { \"extern \\\"C\\\" libc\"; }\n#[cfg(test)]\nmod tests { unsafe {} }";
    assert!(faults(&[file("a.rs", clean)]).is_empty());
}

fn read(dir: &Path, at: &str, files: &mut Vec<File>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !["tests", "models"].contains(&name) {
            read(&path, &format!("{at}{name}/"), files);
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
            files.push(file(&format!("{at}{name}"), &fs::read_to_string(&path).unwrap()));
        }
    }
}

fn file(path: &str, text: &str) -> File {
    let shipped = text.split("#[cfg(test)]\nmod ").next().unwrap();
    File { path: path.to_string(), code: code(shipped), lines: text.lines().count() }
}

/// code leaves out comments and what stands in strings, but for the name of an ABI.
fn code(text: &str) -> String {
    let mut code = String::new();
    for line in text.lines() {
        let (mut quoted, mut escaped, mut before) = (false, false, ' ');
        for c in line.replace("extern \"C\"", "extern_c").chars() {
            if !quoted && c == '/' && before == '/' {
                break;
            }
            if c == '"' && !escaped && before != '\'' {
                quoted = !quoted;
            } else if !quoted {
                code.push(c);
            }
            escaped = c == '\\' && !escaped;
            before = c;
        }
        code.push('\n');
    }
    code
}

fn faults(files: &[File]) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    let mut add = |rule: &str, place: &str| found.insert((rule.to_string(), place.to_string()));
    let mut types: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for f in files {
        let (border, system) = (f.path.starts_with("ffi/"), f.path.starts_with("sys/"));
        let words: Vec<&str> = f.code.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        let has = |any: &[&str]| words.iter().any(|w| any.contains(w));
        if !border && !system && has(&["unsafe"]) {
            add("unsafe", &f.path);
        }
        if !border && !system && has(&["extern_c"]) {
            add("extern \"C\"", &f.path);
        }
        if !border && !system && has(&["libc"]) {
            add("libc", &f.path);
        }
        if !border && !system && has(&["CStr", "CString", "c_char", "c_int", "c_void"]) {
            add("C type", &f.path);
        }
        if f.lines > MOST_LINES {
            add("lines", &f.path);
        }
        for pair in words.iter().filter(|w| !w.is_empty()).collect::<Vec<_>>().windows(2) {
            if ["struct", "enum", "union", "trait"].contains(pair[0]) && !border {
                types.entry(pair[1]).or_default().push(&f.path);
            }
        }
    }
    for (name, places) in types.iter().filter(|(_, places)| places.len() > 1) {
        add("twin", &format!("{name}: {}", places.join(" ")));
    }
    for circle in circles(&imports(files)) {
        add("circle", &circle);
    }
    found
}

/// imports are those between the modules right beneath `src`.
fn imports(files: &[File]) -> BTreeMap<String, BTreeSet<String>> {
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for f in files {
        let mut at: Vec<&str> = f.path.trim_end_matches(".rs").split('/').collect();
        if ["mod", "lib"].contains(at.last().unwrap()) {
            at.pop();
        }
        let Some(own) = at.first() else { continue };
        let uses = f.code.split(';').filter_map(|s| s.rsplit_once("use ").map(|(_, path)| path.to_string()));
        let inline = f.code.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').map(str::to_string);
        for path in uses.chain(inline).flat_map(|p| expand("", &p)) {
            let mut names = path.split("::").map(str::trim).peekable();
            let ups = std::iter::from_fn(|| names.next_if_eq(&"super")).count();
            let to = match (ups, names.next()) {
                (0, Some("crate")) => names.next(),
                (n, name) if n > 0 && n == at.len() => name,
                _ => None,
            };
            if let Some(to) = to.filter(|to| to != own && files.iter().any(|f| is_in(&f.path, to))) {
                arrows.entry(own.to_string()).or_default().insert(to.to_string());
            }
        }
    }
    arrows
}

fn is_in(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

/// expand writes the paths of a use declaration out: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expand(before: &str, tree: &str) -> Vec<String> {
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for c in tree.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        match parts.last_mut() {
            Some(last) if c != ',' || depth > 0 => last.push(c),
            _ => parts.push(String::new()),
        }
    }
    parts
        .iter()
        .flat_map(|part| match part.split_once('{') {
            Some((path, rest)) => {
                expand(&format!("{before}{}", path.trim()), rest.trim_end().strip_suffix('}').unwrap_or(rest))
            }
            None => vec![format!("{before}{}", part.trim())],
        })
        .collect()
}

/// circles are the modules from which imports lead back to them, with all that lie on such a way.
fn circles(arrows: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let reach = |from: &str| {
        let (mut seen, mut left) = (BTreeSet::new(), vec![from]);
        while let Some(next) = left.pop() {
            for to in arrows.get(next).into_iter().flatten() {
                if seen.insert(to.clone()) {
                    left.push(to);
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&String, BTreeSet<String>> = arrows.keys().map(|m| (m, reach(m))).collect();
    let circle = |m: &String| -> String {
        let back = reached.iter().filter(|(o, r)| r.contains(m) && reached[m].contains(**o));
        back.map(|(o, _)| o.as_str()).collect::<Vec<_>>().join(" ")
    };
    arrows.keys().map(circle).filter(|c| !c.is_empty()).collect()
}
