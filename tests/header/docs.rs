//! What each export's comment must say, and that each error it lists is provoked by a C test.

use super::{fresh, root};
use std::collections::BTreeSet;

/// PHRASES are the five ways to say who owns what.
const PHRASES: &[&str] = &[
    "the caller owns",
    "the library owns; borrowed until",
    "the library takes",
    "the library copies",
    "nothing changes hands",
];

/// Item is one declaration of a header with the comment before it.
pub(crate) struct Item {
    pub(crate) comment: String,
    /// The declaration on one line.
    pub(crate) code: String,
    /// Both, as they stand.
    pub(crate) text: String,
}

/// items splits a header that cbindgen wrote.
pub(crate) fn items(header: &str) -> Vec<Item> {
    let mut items = Vec::new();
    let (mut comment, mut code) = (Vec::new(), Vec::new());
    let mut in_comment = false;
    for line in header.lines() {
        if in_comment || line.starts_with("/*") {
            if line.starts_with("/*") {
                comment.clear();
            }
            comment.push(line);
            in_comment = !line.trim_end().ends_with("*/");
            continue;
        }
        if line.trim().is_empty() || line.starts_with("#i") || line.starts_with("#e") || line == "}" {
            continue;
        }
        if line.starts_with("extern \"C\"") || line.starts_with("#define NETHTTP_H") {
            continue;
        }
        code.push(line);
        let ends = line.trim_end().ends_with(';') && !code[0].trim_end().ends_with('{')
            || code[0].starts_with("#define")
            || line.starts_with('}');
        if ends {
            let text: Vec<&str> = comment.iter().chain(code.iter()).copied().collect();
            let joined = code.iter().map(|l| l.trim()).collect::<Vec<_>>().join(" ");
            items.push(Item { comment: comment.join("\n"), code: joined, text: text.join("\n") });
            comment.clear();
            code.clear();
        }
    }
    items
}

/// function_name is the name of the function that a declaration declares.
pub(crate) fn function_name(code: &str) -> Option<String> {
    if code.starts_with("typedef") || code.starts_with('#') {
        return None;
    }
    let (before, _) = code.split_once('(')?;
    let name = before.rsplit([' ', '*']).next()?;
    name.starts_with("nh_").then(|| name.to_owned())
}

/// words are the comment's text without its stars, one line each.
fn words(comment: &str) -> Vec<String> {
    let strip = |l: &str| {
        l.trim().trim_start_matches("/**").trim_end_matches("*/").trim_start_matches('*').trim().to_owned()
    };
    comment.lines().map(strip).collect()
}

/// tag is the text behind `name:` up to the next tag.
fn tag(lines: &[String], name: &str) -> Option<String> {
    const TAGS: [&str; 4] = ["Errors:", "Ownership:", "Threads:", "Since:"];
    let at = lines.iter().position(|l| l.starts_with(name))?;
    let rest = lines[at + 1..].iter().take_while(|l| !l.is_empty() && !TAGS.iter().any(|t| l.starts_with(t)));
    let first = lines[at][name.len()..].to_owned();
    Some(std::iter::once(first).chain(rest.cloned()).collect::<Vec<_>>().join(" ").trim().to_owned())
}

fn codes(text: &str) -> Vec<String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|w| w.starts_with("NH_ERR_"))
        .map(str::to_owned)
        .collect()
}

fn known_codes() -> BTreeSet<String> {
    fresh()
        .lines()
        .filter_map(|l| l.strip_prefix("#define ")?.split_whitespace().next().map(str::to_owned))
        .filter(|n| n.starts_with("NH_ERR_"))
        .collect()
}

#[test]
fn every_export_says_errors_ownership_threads_since() {
    let known = known_codes();
    let mut bad = Vec::new();
    for item in items(fresh()) {
        let Some(name) = function_name(&item.code) else { continue };
        let lines = words(&item.comment);
        let first = lines.iter().find(|l| !l.is_empty()).cloned().unwrap_or_default();
        if first.split_whitespace().next() != Some(name.as_str()) {
            bad.push(format!("{name}: the comment does not begin with the symbol"));
        }
        match tag(&lines, "Errors:") {
            None => bad.push(format!("{name}: no Errors line")),
            Some(e) if e == "none" => {}
            Some(e) => {
                let found = codes(&e);
                if found.is_empty() {
                    bad.push(format!("{name}: Errors is neither none nor a list of codes"));
                }
                bad.extend(
                    found.iter().filter(|c| !known.contains(*c)).map(|c| format!("{name}: unknown {c}")),
                );
            }
        }
        match tag(&lines, "Ownership:") {
            None => bad.push(format!("{name}: no Ownership line")),
            Some(o) if !PHRASES.iter().any(|p| o.contains(p)) => {
                bad.push(format!("{name}: Ownership without one of the five phrases: {o}"));
            }
            Some(_) => {}
        }
        if tag(&lines, "Threads:").is_none_or(|t| t.is_empty()) {
            bad.push(format!("{name}: no Threads line"));
        }
        if tag(&lines, "Since:").is_none_or(|s| s.split('.').count() != 3) {
            bad.push(format!("{name}: no Since line with a version"));
        }
    }
    assert!(bad.is_empty(), "{} comments to mend:\n{}", bad.len(), bad.join("\n"));
}

/// A descriptor that is open is only duplicated, and asked for its size.
const AT_ONCE: [&str; 2] = ["nh_request_set_body_fd", "nh_multipart_add_fd"];

/// In one wording, and where an error tells that something was waited for.
#[test]
fn what_may_block_says_for_what() {
    let mut bad = Vec::new();
    for item in items(fresh()) {
        let Some(name) = function_name(&item.code) else { continue };
        let lines = words(&item.comment);
        let threads = tag(&lines, "Threads:").unwrap_or_default();
        let said = threads.split_once(". It may block: ");
        let well =
            said.is_some_and(|(_, what)| what.len() > 5 && what.ends_with('.') && !what.contains(". "));
        if threads.to_lowercase().contains("block") && !well {
            bad.push(format!("{name}: it ends in \". It may block: WHAT.\": {threads}"));
        }
        let errors = codes(&tag(&lines, "Errors:").unwrap_or_default());
        let waits = ["NH_ERR_TIMEOUT", "NH_ERR_IO", "NH_ERR_CANCELED"];
        let waits = waits.iter().any(|w| errors.iter().any(|e| e == w));
        if waits && said.is_none() && !AT_ONCE.contains(&name.as_str()) {
            bad.push(format!("{name}: what does it wait for?"));
        }
    }
    assert!(bad.is_empty(), "{} comments to mend:\n{}", bad.len(), bad.join("\n"));
}

/// Each code that a comment lists must stand in a C test as `CHECK_ERR(NH_ERR_X, nh_function(...))`.
#[test]
fn every_listed_error_is_provoked() {
    let mut tests = String::new();
    for entry in std::fs::read_dir(root().join("tests/c")).expect("tests/c").flatten() {
        if entry.path().extension().is_some_and(|e| e == "c") {
            tests.push_str(&std::fs::read_to_string(entry.path()).expect("a C test"));
        }
    }
    let tests: String = tests.chars().filter(|c| !c.is_whitespace()).collect();
    let mut missing = Vec::new();
    for item in items(fresh()) {
        let Some(name) = function_name(&item.code) else { continue };
        for code in codes(&tag(&words(&item.comment), "Errors:").unwrap_or_default()) {
            if !tests.contains(&format!("CHECK_ERR({code},{name}(")) {
                missing.push(format!("CHECK_ERR({code}, {name}(...))"));
            }
        }
    }
    assert!(
        missing.is_empty(),
        "{} errors are provoked by no C test:\n{}",
        missing.len(),
        missing.join("\n")
    );
}

/// A name in the documentation of the API that the header does not have is a dead link.
#[test]
fn documented_names_are_in_the_header() {
    let names = |text: &str| -> BTreeSet<String> {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let ours = words.filter(|w| w.starts_with("nh_") || w.starts_with("NH_"));
        ours.filter(|w| !w.ends_with('_')).map(str::to_owned).collect()
    };
    let page = std::fs::read_to_string(root().join("docs/c-api.md")).expect("docs/c-api.md");
    let header = names(fresh());
    let dead: Vec<String> = names(&page).into_iter().filter(|n| !header.contains(n)).collect();
    assert!(dead.is_empty(), "docs/c-api.md names what the header has not: {dead:?}");
}
