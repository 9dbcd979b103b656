//! What is said about bad programs: `tests/diagnostics/AREA/NAME.lisle`, each with the whole report
//! beside it, in `NAME.stderr`, as `lisle check` shows it where there is no terminal.
//!
//! With the environment variable `UPDATE_DIAGNOSTICS=1` the reports are written anew: read what has
//! changed before you keep it.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use lisle::Vm;

const UPDATE: &str = "UPDATE_DIAGNOSTICS";

/// Codes that no program of a few lines brings about, with the test that does.
const ELSEWHERE: [(&str, &str); 5] = [
    ("E0110", "compiler/src/parse/tests/limits.rs"),
    ("E0122", "a text of 4 GiB"),
    ("E0210", "tests/programs/limits"),
    ("E0214", "the parser sees it first, as E0107"),
    ("E0215", "`a_bounded_list` below"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics")
}

/// The files with this extension, without it, relative to the directory.
fn names(extension: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for area in fs::read_dir(root()).unwrap() {
        let area = area.unwrap().path();
        for file in fs::read_dir(&area).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|found| found == extension) {
                let name = path.strip_prefix(root()).unwrap().with_extension("");
                found.insert(name.to_str().unwrap().replace('\\', "/"));
            }
        }
    }
    found
}

/// The report of each program.
static REPORTS: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let vm = Vm::new().unwrap();
    let report = |name: &str| {
        let path = root().join(name).with_extension("lisle");
        let shown = path.file_name().unwrap().to_str().unwrap();
        vm.check(shown, fs::read(&path).unwrap()).report().to_owned()
    };
    names("lisle").into_iter().map(|name| (name.clone(), report(&name))).collect()
});

#[test]
fn reports_are_as_they_were() {
    let update = env::var_os(UPDATE).is_some_and(|value| value == "1");
    let mut wrong = Vec::new();
    for (name, found) in &*REPORTS {
        let path = root().join(name).with_extension("stderr");
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if found.is_empty() {
            wrong.push(format!("{name}: nothing is wrong with it\n"));
        } else if update {
            fs::write(&path, found).unwrap();
        } else if *found != expected {
            wrong.push(format!("{name}:\n--- expected\n{expected}--- found\n{found}"));
        }
    }
    let programs = names("lisle");
    for orphan in names("stderr").difference(&programs) {
        wrong.push(format!("{orphan}.stderr belongs to no program\n"));
    }
    assert!(
        wrong.is_empty(),
        "{}\n{} reports differ. If the new ones are what they should be: {UPDATE}=1 cargo test \
         --test diagnostics",
        wrong.concat(),
        wrong.len()
    );
}

#[test]
fn every_code_has_a_program() {
    let reports: String = REPORTS.values().map(String::as_str).collect();
    let missing: Vec<_> = lisle::diagnostic_codes()
        .map(|(code, _)| code)
        .filter(|code| !reports.contains(&format!("[{code}]")))
        .filter(|code| !ELSEWHERE.iter().any(|(known, _)| known == code))
        .collect();
    assert!(missing.is_empty(), "no program in tests/diagnostics brings about {missing:?}");
}

#[test]
fn every_code_is_in_the_list() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/diagnostics.md");
    let rows: String = lisle::diagnostic_codes()
        .map(|(code, explanation)| format!("| {code} | {explanation} |\n"))
        .collect();
    let text = fs::read_to_string(&path).unwrap_or_default();
    let head = text.split_inclusive('\n').take_while(|line| !line.starts_with("| E"));
    let expected = head.collect::<String>() + &rows;
    if env::var_os(UPDATE).is_some_and(|value| value == "1") {
        fs::write(&path, &expected).unwrap();
        return;
    }
    assert_eq!(text, expected, "docs/diagnostics.md: {UPDATE}=1 writes it anew");
}

#[test]
fn a_bounded_list() {
    let source: String = (0..1000).map(|i| format!("print(unknown{i})\n")).collect();
    let vm = Vm::new().unwrap();
    let checked = vm.check("many.lisle", source);
    assert_eq!(checked.errors(), 101);
    assert!(checked.report().contains("900 more errors and warnings follow"));
    let source: String = (0..1000).map(|i| format!("print({i} {i})\n")).collect();
    assert!((30..=101).contains(&vm.check("many.lisle", source).errors()));
}

#[test]
fn warnings_alone_are_no_errors() {
    let source: String = (0..300).map(|i| format!("var unused{i} = {i}\n")).collect();
    let vm = Vm::new().unwrap();
    let checked = vm.check("many.lisle", source);
    assert_eq!((checked.errors(), checked.warnings()), (0, 101));
}
