//! Runs a Go program and hands its answers back; shared by the tests that hold values against Go itself.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// go is the path and the version of a Go whose rules these are.
fn find() -> Result<(String, String), String> {
    let root = env!("CARGO_MANIFEST_DIR");
    let run = |program: &Path, args: &[&str]| {
        let mut command = Command::new(program);
        let output = command.args(args).current_dir(root).env("GOTOOLCHAIN", "local").output().ok()?;
        Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
    };
    let path = run(&Path::new(root).join("scripts/go-path"), &[]).filter(|p| !p.is_empty()).ok_or("no Go")?;
    let full = run(Path::new(&path), &["env", "GOVERSION"]).unwrap_or_default();
    let version = full.trim_start_matches("go").split('-').next().unwrap_or_default().to_owned();
    let minor: u32 = version.split('.').nth(1).and_then(|m| m.parse().ok()).unwrap_or(0);
    if minor < 26 {
        return Err(format!("{full} has older rules, 1.26 is needed"));
    }
    Ok((path, version))
}

/// ask gives the lines that the program answers to `text`. Without a Go the test is skipped aloud, and fails under
/// NH_REQUIRE_ALL=1.
pub(crate) fn ask(test: &str, source: &str, text: String) -> Option<Vec<String>> {
    let (go, version) = match find() {
        Ok(found) => found,
        Err(why) => {
            let required = std::env::var("NH_REQUIRE_ALL").is_ok_and(|v| v == "1");
            assert!(!required, "{why}: set GO or run scripts/setup.sh");
            println!("SKIP: {test}: {why}");
            return None;
        }
    };
    // A module of the Go's own version: an older one would bring older rules.
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("main.go"), source).unwrap();
    std::fs::write(dir.join("go.mod"), format!("module answers\n\ngo {version}\n")).unwrap();
    let program = dir.join("answers");
    let mut build = Command::new(go);
    build.args(["build", "-o"]).arg(&program).arg(".").current_dir(&dir).env("GOTOOLCHAIN", "local");
    assert!(build.status().is_ok_and(|s| s.success()), "go build failed");
    let mut child =
        Command::new(&program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the Go program");
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    Some(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
}
