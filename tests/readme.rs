//! The C programs that README.md shows are the files of c-examples/, which are compiled and run by CTest; relative
//! links of the documents lead to files.

use std::fs;
use std::path::Path;

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
