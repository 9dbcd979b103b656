//! The documents' examples: each block marked `lisle` is a program that prints what its `# ->`
//! comments say, in their order, and ends with status 0.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::Path, process::Command};

/// The blocks of a document, each with the line it starts at.
fn examples(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut block: Option<(usize, String)> = None;
    for (i, line) in text.lines().enumerate() {
        match &mut block {
            None if line == "```lisle" => block = Some((i + 2, String::new())),
            None => {}
            Some(_) if line == "```" => found.extend(block.take()),
            Some((_, text)) => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    found
}

fn expected(program: &str) -> String {
    let said = program.lines().filter_map(|line| line.split_once("# -> "));
    said.map(|(_, text)| format!("{text}\n")).collect()
}

fn check(document: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(document);
    let examples = examples(&fs::read_to_string(&path).unwrap());
    assert!(!examples.is_empty(), "{document} has no examples");
    let mut wrong = Vec::new();
    for (line, program) in examples {
        let output =
            Command::new(env!("CARGO_BIN_EXE_lisle")).args(["-e", &program]).output().unwrap();
        let out = String::from_utf8_lossy(&output.stdout);
        let err = String::from_utf8_lossy(&output.stderr);
        let expected = expected(&program);
        if out != expected || !output.status.success() {
            wrong.push(format!(
                "{document}:{line}: {}\n--- expected\n{expected}--- printed\n{out}{err}",
                output.status
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n\n"));
}

#[test]
fn language() {
    check("docs/language.md");
}

#[test]
fn readme() {
    check("README.md");
}

/// The map of the house shows rooms that exist.
#[test]
fn architecture_names_files_that_exist() {
    const ROOTS: &[&str] = &["", "compiler/src", "vm/src", "stdlib/src", "repl/src"];
    let house = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = fs::read_to_string(house.join("ARCHITECTURE.md")).unwrap();
    let names = text.split('`').skip(1).step_by(2);
    let files = names.filter(|name| {
        !name.contains(' ')
            && Path::new(name)
                .extension()
                .is_some_and(|e| ["rs", "lisle", "lalrpop"].iter().any(|x| e == *x))
    });
    let deeper = ["vm/src/value", "vm/src/interp"];
    let missing: Vec<_> = files
        .filter(|file| {
            !ROOTS.iter().chain(&deeper).any(|root| house.join(root).join(file).exists())
        })
        .collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md names {missing:?}");
}
