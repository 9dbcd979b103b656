//! The command as a process: what it prints, and with what status it ends.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// `lisle` with these arguments.
fn lisle(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lisle"));
    command.args(args).stdin(Stdio::null()).env_remove("NO_COLOR");
    command
}

struct Ran {
    status: Option<i32>,
    out: String,
    err: String,
}

fn ran(output: Output) -> Ran {
    Ran {
        status: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn run(args: &[&str]) -> Ran {
    ran(lisle(args).output().unwrap())
}

fn run_with_input(args: &[&str], input: &[u8]) -> Ran {
    let mut child = lisle(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    ran(child.wait_with_output().unwrap())
}

/// A directory for one test.
fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn script(name: &str, text: impl AsRef<[u8]>) -> String {
    let path = directory(name).join("script.lisle");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_file_runs_with_its_arguments() {
    let path = script("file", "#!/usr/bin/env lisle\nimport os\nprint(os.args)");
    let ran = run(&[&path, "a", "--lwps", "-x"]);
    assert_eq!((ran.out.as_str(), ran.status), ("[\"a\", \"--lwps\", \"-x\"]\n", Some(0)));
}

#[test]
fn code_runs_with_its_arguments() {
    let ran = run(&["-e", "import os\nprint(os.args.len())", "a", "b"]);
    assert_eq!((ran.out.as_str(), ran.status), ("2\n", Some(0)));
}

#[test]
fn standard_input_is_a_program() {
    for args in [&["-"][..], &[]] {
        let ran = run_with_input(args, b"print(6 * 7)");
        assert_eq!((ran.out.as_str(), ran.status), ("42\n", Some(0)), "{args:?}");
    }
}

#[test]
fn a_program_reads_its_input() {
    let ran = run_with_input(&["-e", "while let line = input() { print(\"[{line}]\") }"], b"a\nb");
    assert_eq!(ran.out, "[a]\n[b]\n");
}

#[test]
fn the_level_of_concurrency_changes_nothing_else() {
    for lwps in ["1", "2", "8"] {
        let ran = run(&[
            "--lwps",
            lwps,
            "-e",
            "print((0..100).map(|i| spawn { i }).map(|t| t.join()).sum())",
        ]);
        assert_eq!((ran.out.as_str(), ran.status), ("4950\n", Some(0)), "--lwps {lwps}");
    }
}

#[test]
fn version_and_help() {
    let version = run(&["--version"]);
    assert_eq!(version.out, format!("lisle {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(version.status, Some(0));
    let help = run(&["--help"]);
    assert_eq!(help.status, Some(0));
    for word in ["FILE", "--eval", "--lwps", "--version"] {
        assert!(help.out.contains(word), "{word} in {}", help.out);
    }
}

#[test]
fn an_uncaught_error_is_status_1_with_place_and_calls() {
    let path = script("uncaught", "fn low(xs) {\n    xs[9]\n}\nprint(\"before\")\nlow([1])\n");
    let ran = run(&[&path]);
    assert_eq!((ran.out.as_str(), ran.status), ("before\n", Some(1)));
    assert!(ran.err.starts_with("error: index: "), "{}", ran.err);
    assert!(ran.err.contains(&format!("{path}:2:5")), "{}", ran.err);
    assert!(ran.err.contains("xs[9]") && ran.err.contains('^'), "{}", ran.err);
    assert!(ran.err.contains("  in low ("), "{}", ran.err);
}

#[test]
fn an_error_in_a_thread_names_the_thread() {
    let path =
        script("thread", "let t = spawn { [][0] }\ntry { t.join() } catch { }\nspawn { 1 // 0 }\n");
    let ran = run(&[&path]);
    assert_eq!(ran.status, Some(1));
    assert!(ran.err.contains("divide") && ran.err.contains("thread"), "{}", ran.err);
    assert!(!ran.err.contains("index"), "{}", ran.err);
}

#[test]
fn an_exit_status_is_the_programs() {
    assert_eq!(run(&["-e", "import os\nos.exit(7)"]).status, Some(7));
    let ran = run(&[
        "-e",
        "import os\nprint(\"flushed\")\nlet never = channel()\nspawn { os.exit(4) }\nnever.recv()",
    ]);
    assert_eq!((ran.out.as_str(), ran.status), ("flushed\n", Some(4)));
}

#[test]
fn a_wrong_text_is_status_2_and_nothing_runs() {
    let path = script("wrong", "print(\"never\")\nprint(unknown)\nlet x = = 1\n");
    let ran = run(&[&path]);
    assert_eq!((ran.out.as_str(), ran.status), ("", Some(2)));
    assert!(ran.err.contains(":3:") && ran.err.contains('^'), "{}", ran.err);
}

#[test]
fn bad_usage_is_status_2() {
    for args in [&["--bogus"][..], &["--lwps", "none"], &["--lwps", "0"], &["-e"]] {
        let ran = run(args);
        assert_eq!((ran.out.as_str(), ran.status), ("", Some(2)), "{args:?}");
        assert!(ran.err.starts_with("error: "), "{args:?}: {}", ran.err);
    }
}

#[test]
fn what_is_no_program_is_status_2() {
    let here = directory("no_program");
    let here = here.to_str().unwrap();
    let missing = run(&["no/such/file.lisle"]);
    assert_eq!(missing.status, Some(2));
    assert!(
        missing.err.contains("no/such/file.lisle") && missing.err.contains("No such file"),
        "{}",
        missing.err
    );
    let directory = run(&[here]);
    assert_eq!(directory.status, Some(2));
    assert!(directory.err.contains("directory"), "{}", directory.err);
}

#[test]
fn bytes_that_are_no_text_have_a_place() {
    let path = script("bytes", b"let a = 1\nlet b = \"\xff\"\n");
    let ran = run(&[&path]);
    assert_eq!(ran.status, Some(2));
    assert!(ran.err.contains("UTF-8") && ran.err.contains(":2:10"), "{}", ran.err);
}

#[test]
fn a_closed_pipe_is_a_quiet_end() {
    let mut child = lisle(&["-e", "var i = 0\nloop { print(\"line {i}\")\n i += 1 }"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 7];
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut first).unwrap();
    drop(out);
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((&first, err.as_str()), (b"line 0\n", ""));
    assert_eq!(child.wait().unwrap().code(), Some(141));
}

#[test]
fn nesting_beyond_the_limit_is_an_error() {
    let deep = format!("print({}1{})", "(".repeat(100_000), ")".repeat(100_000));
    let ran = run_with_input(&["-"], deep.as_bytes());
    assert_eq!(ran.status, Some(2));
    assert!(ran.err.len() < 10_000, "{}", ran.err.len());
}

#[test]
fn endless_recursion_is_an_error() {
    let ran = run(&["-e", "fn f(n) { 1 + f(n + 1) }\nf(0)"]);
    assert_eq!(ran.status, Some(1));
    assert!(ran.err.contains("error: stack: ") && ran.err.len() < 10_000, "{}", ran.err);
}

#[test]
fn a_deadlock_ends_the_program() {
    let ran = run(&["-e", "channel().recv()"]);
    assert_eq!(ran.status, Some(1));
    assert!(ran.err.contains("deadlock"), "{}", ran.err);
}
