//! The C programs that README.md shows are the files of c-examples/, which are compiled and run by CTest; relative
//! links of the documents lead to files; `make help` lists the commands; docs/architecture.md cites what is there.

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn readme_shows_the_examples_as_they_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let mut shown = 0;
    for part in readme.split("<!-- c-examples/").skip(1) {
        let (name, rest) = part.split_once(" -->").unwrap();
        let code = rest.split_once("```c\n").unwrap().1.split_once("```").unwrap().0;
        let file = fs::read_to_string(root.join("c-examples").join(name)).unwrap();
        assert_eq!(code, file, "README.md shows another {name}");
        shown += 1;
    }
    assert_eq!(shown, readme.matches("```c\n").count(), "each C program of README.md names its file");
}

/// `make help` shows each command, those that the documents name among them.
#[test]
fn make_help_lists_the_commands() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let run =
        Command::new("make").args(["-s", "help"]).current_dir(root).env_remove("MAKEFLAGS").output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let help = String::from_utf8(run.stdout).unwrap();
    let shown: Vec<_> = help.lines().filter_map(|line| line.split_once(' ')).collect();
    assert!(shown.iter().all(|(_, text)| !text.trim().is_empty()), "{help}");
    let mut commands: Vec<String> = Vec::new();
    let makefile = fs::read_to_string(root.join("Makefile")).unwrap();
    let phony = makefile.lines().find_map(|line| line.strip_prefix(".PHONY: ")).unwrap();
    commands.extend(phony.split(' ').map(str::to_owned));
    for document in ["README.md", "CONTRIBUTING.md"] {
        let text = fs::read_to_string(root.join(document)).unwrap();
        let named = text.split("`make ").chain(text.split("\n    make ")).skip(1);
        let name =
            |rest: &str| rest.split(|c: char| !c.is_ascii_lowercase() && c != '-').next().unwrap().to_owned();
        commands.extend(named.map(name).filter(|name| !name.is_empty()));
    }
    for command in commands {
        assert!(shown.iter().any(|(name, _)| *name == command), "make help has no {command}:\n{help}");
    }
}

#[test]
fn relative_links_lead_to_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut documents: Vec<_> = fs::read_dir(root.join("docs")).unwrap().map(|e| e.unwrap().path()).collect();
    documents
        .extend(["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"].map(|name| root.join(name)));
    for document in documents.iter().filter(|path| path.extension().is_some_and(|e| e == "md")) {
        let text = fs::read_to_string(document).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            let target = link.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let path = document.parent().unwrap().join(target);
            assert!(path.exists(), "{}: no {target}", document.display());
        }
    }
}

/// Each `name()` that docs/architecture.md cites stands in the file that it names before.
#[test]
fn the_architecture_names_what_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/architecture.md")).unwrap();
    let (mut file, mut cited) = (String::new(), 0);
    for quoted in page.split('`').skip(1).step_by(2) {
        if quoted.starts_with("src/") {
            let path = root.join(quoted);
            assert!(path.exists(), "docs/architecture.md: no {quoted}");
            file = if path.is_file() { fs::read_to_string(path).unwrap() } else { String::new() };
        } else if let Some(name) = quoted.strip_suffix("()") {
            let is_there = [format!("fn {name}("), format!("fn {name}<")].iter().any(|f| file.contains(f));
            assert!(is_there, "docs/architecture.md: no {name} in the file before it");
            cited += 1;
        }
    }
    assert!(cited > 40, "{cited} functions are cited");
}
