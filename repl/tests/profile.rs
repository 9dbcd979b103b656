//! `--profile`: what it draws and what it says.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use quick_xml::{Reader, events::Event};

const BUSY: &str = "\
fn norm(x, y) {
    x * x + y * y + x * y
}
fn work() {
    var sum = 0
    for i in 0..300_000 {
        sum = norm(i % 100, sum % 100)
    }
    sum
}
let threads = (0..2).map(|_| spawn { work() })
print(threads.map(|t| t.join()).len())
";

const COPIES: &str = "\
fn snapshots(n) {
    var xs = [0] * 40_000
    var last = nil
    for i in 0..n {
        last = xs
        xs[i] = i
    }
    last.len()
}
var small = [1, 2, 3]
let other = small
small.push(4)
print(snapshots(300), other.len())
";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// The command, with the program in a file of this name, and the file to draw to.
fn lisle(name: &str, program: &str, more: &[&str]) -> (Command, PathBuf) {
    let (script, svg) = (path(&format!("{name}.lisle")), path(&format!("{name}.svg")));
    fs::write(&script, program).unwrap();
    let _ = fs::remove_file(&svg);
    let mut command = Command::new(env!("CARGO_BIN_EXE_lisle"));
    command.args(more).arg("--profile").arg(&svg).arg(&script).stdin(Stdio::null());
    (command, svg)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn said(output: &Output) -> (String, String, Option<i32>) {
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

/// The texts in a file that is XML.
fn texts(svg: &Path) -> Vec<String> {
    let content = fs::read_to_string(svg).unwrap();
    let mut reader = Reader::from_str(&content);
    let mut texts = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Text(text) => texts.push(text.decode().unwrap().into_owned()),
            Event::Eof => return texts,
            _ => {}
        }
    }
}

#[test]
fn the_graph_names_functions_and_lines_in_all_models() {
    for (model, name) in [("m:n", "profile_mn"), ("n:1", "profile_n1"), ("1:1", "profile_11")] {
        let (mut command, svg) = lisle(name, BUSY, &["--model", model]);
        let (out, err, status) = said(&command.output().unwrap());
        assert_eq!((out.as_str(), err.as_str(), status), ("2\n", "", Some(0)), "{model}");
        let texts = texts(&svg);
        for hot in ["norm", "work", "spawn"] {
            assert!(texts.iter().any(|t| t.starts_with(hot)), "{model}: {hot} in {texts:?}");
        }
        let line = format!("{name}.lisle:2) (");
        assert!(texts.iter().any(|t| t.contains(&line)), "{model}: {line} in {texts:?}");
    }
}

#[test]
fn large_copies_are_told_with_their_place() {
    let (mut command, _) = lisle("profile_copies", COPIES, &[]);
    let (out, err, status) = said(&command.output().unwrap());
    assert_eq!((out.as_str(), status), ("40000 3\n", Some(0)));
    let expected = "profile_copies.lisle:6 copied a list of 40,000 elements 300 times (91.6 MiB)\n";
    assert!(err.ends_with(expected) && err.lines().count() == 1, "{err}");
}

#[test]
fn the_status_is_the_programs() {
    for (name, program, expected) in [
        ("profile_exit", "import os\nos.exit(7)", 7),
        ("profile_fails", "[][0]", 1),
        ("profile_wrong", "nonsense(", 2),
    ] {
        let (mut command, svg) = lisle(name, program, &[]);
        assert_eq!(command.output().unwrap().status.code(), Some(expected), "{name}");
        assert!(!texts(&svg).is_empty(), "{name}");
    }
}

#[test]
fn a_file_that_cannot_be_made_is_refused_before_the_program_runs() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lisle"));
    command.args(["--profile", "/nowhere/at/all.svg", "-e", "print(1)"]);
    let (out, err, status) = said(&command.output().unwrap());
    assert_eq!((out.as_str(), status), ("", Some(2)));
    assert_eq!(err, "error: cannot write `/nowhere/at/all.svg`: No such file or directory\n");
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_that_cannot_be_written_is_an_error_at_the_end() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lisle"));
    command.args(["--profile", "/dev/full", "-e", "print(1)"]);
    let (out, err, status) = said(&command.output().unwrap());
    assert_eq!((out.as_str(), status), ("1\n", Some(2)));
    assert!(err.starts_with("error: cannot write `/dev/full`: "), "{err}");
}

#[test]
fn ctrl_c_ends_the_program_and_draws_what_was_seen() {
    let program = format!("{BUSY}eprint(\"ready\")\nloop {{ work() }}");
    let (mut command, svg) = lisle("profile_interrupted", &program, &[]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    assert_eq!(said.next().unwrap().unwrap(), "ready");
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(texts(&svg).iter().any(|t| t.starts_with("norm")));
}
