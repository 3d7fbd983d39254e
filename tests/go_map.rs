//! docs/go-map.md has no dead link: each row names an issue, or a file, a C symbol of the header and a test that are
//! all there. A row with neither is not done, and fails.

use std::fs;
use std::path::Path;

fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.strip_prefix("| ")?.strip_suffix('|')?;
    Some(inner.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect())
}

/// dead_links returns a line for each fault of the map.
fn dead_links(root: &Path, map: &str, header: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for row in map.lines().filter_map(cells).filter(|row| row[0] != "Go" && !row[0].starts_with("---")) {
        let [name, file, symbol, test, issue] = row.as_slice() else {
            faults.push(format!("{}: {} cells, want 5", row[0], row.len()));
            continue;
        };
        if !issue.is_empty() {
            let number = issue.strip_prefix('#').map(str::parse::<u32>);
            if !matches!(number, Some(Ok(2..=5))) {
                faults.push(format!("{name}: no issue {issue}"));
            }
        } else if file.is_empty() || test.is_empty() {
            faults.push(format!("{name}: neither a file with a test nor an issue"));
        }
        for path in [file, test].into_iter().filter(|path| !path.is_empty()) {
            if !root.join(path).is_file() {
                faults.push(format!("{name}: no file {path}"));
            }
        }
        let is_symbol = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !symbol.is_empty() && !header.split(|c| !is_symbol(c)).any(|word| word == symbol) {
            faults.push(format!("{name}: no {symbol} in the header"));
        }
        if test.ends_with(".c")
            && !fs::read_to_string(root.join(test)).is_ok_and(|text| text.contains(symbol))
        {
            faults.push(format!("{name}: {test} does not use {symbol}"));
        }
    }
    faults
}

#[test]
fn every_link_of_the_go_map_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let map = fs::read_to_string(root.join("docs/go-map.md")).unwrap();
    let header = fs::read_to_string(root.join("include/nethttp.h")).unwrap_or_default();
    let faults = dead_links(root, &map, &header);
    assert!(faults.is_empty(), "docs/go-map.md:\n{}", faults.join("\n"));
    assert!(map.lines().filter_map(cells).count() > 250, "rows are missing");
}

#[test]
fn dead_links_are_seen() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let row = |text: &str| dead_links(root, text, "nh_x();").len();
    assert_eq!(row("| `A` | `build.rs` | `nh_x` | `tests/go_map.rs` | |"), 0);
    assert_eq!(row("| `A` | | | | #3 |"), 0);
    assert_eq!(row("| `A` | | | | |"), 1);
    assert_eq!(row("| `A` | | | | #9 |"), 1);
    assert_eq!(row("| `A` | `build.rs` | `nh_y` | `tests/go_map.rs` | |"), 1);
    assert_eq!(row("| `A` | `gone.rs` | `nh_x` | `tests/go_map.rs` | |"), 1);
    assert_eq!(row("| `A` | `build.rs` | `nh_x` | | |"), 1);
    assert_eq!(row("| `A` | `build.rs` | `nh_x` | `tests/go_map.rs` |"), 1);
}
