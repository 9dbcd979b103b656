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
fn one_switch_chooses_the_model() {
    let code = "import runtime\nlet ts = (0..20).map(|i| spawn { i })\n\
                print(runtime.model(), ts.map(|t| t.join()).sum())";
    for model in ["m:n", "n:1", "1:1"] {
        let ran = run(&["--model", model, "-e", code]);
        assert_eq!((ran.out, ran.status), (format!("{model} 190\n"), Some(0)), "{}", ran.err);
    }
}

/// In few addresses there is room for few kernel threads. The spawner hears of it, the program goes
/// on, and what has ended makes room again.
#[test]
#[cfg(target_os = "linux")]
fn past_the_kernels_limit_the_spawner_has_an_error() {
    let code = "let gate = channel()
        var ts = []
        let refused = try { loop { ts.push(spawn { gate.recv() }) } } catch e { e }
        print(refused.kind, refused.message)
        gate.close()
        ts.each(|t| t.join())
        # A kernel thread is gone a moment after its user thread.
        for _ in 0..1_000_000 {
            let answer = try { spawn { 6 * 7 } } catch { yield(); continue }
            print(ts.len() > 20, answer.join())
            break
        }";
    let mut sh = Command::new("sh");
    sh.args(["-c", "ulimit -v 400000 && exec \"$@\"", "sh", env!("CARGO_BIN_EXE_lisle")]);
    // How many arenas the allocator reserves depends on the number of CPUs.
    sh.env("MALLOC_ARENA_MAX", "1");
    let ran = ran(sh.args(["--model", "1:1", "--lwps", "2", "-e", code]).output().unwrap());
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!((lines.len(), ran.status), (2, Some(0)), "{}{}", ran.out, ran.err);
    assert!(lines[0].starts_with("io the kernel refuses another kernel thread"), "{}", ran.out);
    assert_eq!(lines[1], "true 42");
}

#[test]
fn version_and_help() {
    let version = run(&["--version"]);
    assert_eq!(version.out, format!("lisle {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(version.status, Some(0));
    let help = run(&["--help"]);
    assert_eq!(help.status, Some(0));
    for word in ["FILE", "--eval", "--lwps", "--model", "m:n", "n:1", "1:1", "--version"] {
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

/// A directory with these files; gives the path of the first.
fn files(name: &str, files: &[(&str, &str)]) -> String {
    let here = directory(name);
    for (file, text) in files {
        let path = here.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    here.join(files[0].0).to_str().unwrap().to_owned()
}

#[test]
fn a_program_imports_files_from_where_it_is() {
    let main = "import \"./lib/area\"\nprint(area.of(2, 3))";
    let path =
        files("imports", &[("main.lisle", main), ("lib/area.lisle", "fn of(w, h) { w * h }")]);
    let ran = run(&[&path]);
    assert_eq!((ran.out.as_str(), ran.err.as_str(), ran.status), ("6\n", "", Some(0)));
    // Code that is no file imports from the current directory.
    let here = Path::new(&path).parent().unwrap();
    let code = "import \"./lib/area\"\nprint(area.of(4, 5))";
    let ran = self::ran(lisle(&["-e", code]).current_dir(here).output().unwrap());
    assert_eq!((ran.out.as_str(), ran.status), ("20\n", Some(0)));
}

#[test]
fn a_missing_file_is_shown_with_its_neighbours() {
    let main = "print(\"never\")\nimport \"./utl\"\n";
    let path = files("missing_import", &[("main.lisle", main), ("util.lisle", "")]);
    let ran = run(&[&path]);
    assert_eq!((ran.out.as_str(), ran.status), ("", Some(2)));
    assert!(ran.err.contains("main.lisle:2:8") && ran.err.contains("utl.lisle`"), "{}", ran.err);
    assert!(ran.err.contains("did you mean `./util`?"), "{}", ran.err);
}

#[test]
fn an_import_cycle_is_shown_with_its_files() {
    let path = files(
        "import_cycle",
        &[
            ("main.lisle", "import \"./a\""),
            ("a.lisle", "import \"./lib/b\"\nlet a = 1"),
            ("lib/b.lisle", "let b = 2\nimport \"../a\""),
        ],
    );
    let here = Path::new(&path).parent().unwrap();
    let said = ran(lisle(&["main.lisle"]).current_dir(here).output().unwrap());
    assert_eq!((said.out.as_str(), said.status), ("", Some(2)));
    assert!(said.err.contains("import cycle: a.lisle -> lib/b.lisle -> a.lisle"), "{}", said.err);
    assert!(said.err.contains(" --> lib/b.lisle:2:8"), "{}", said.err);
}

#[test]
fn bad_usage_is_status_2() {
    for args in [
        &["--bogus"][..],
        &["--lwps", "none"],
        &["--lwps", "0"],
        &["--model", "all"],
        &["--model", "n:1", "--lwps", "4"],
        &["-e"],
    ] {
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

#[test]
fn check_says_what_is_wrong_and_runs_nothing() {
    let directory = directory("check");
    let file = |name: &str, text: &str| {
        let path = directory.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = file("good.lisle", "print(\"ran\")");
    let bad = file("bad.lisle", "print(nmae)\nlet x = = 1\n");
    let warned = file("warned.lisle", "fn f() {\n    let unused = 1\n}\nf()");
    let importing = file("importing.lisle", "import \"./bad\"\nprint(bad.x)");
    let ran = run(&["check", &good]);
    assert_eq!((ran.out.as_str(), ran.err.as_str(), ran.status), ("", "", Some(0)));
    let ran = run(&["check", &good, &bad, &warned]);
    assert_eq!((ran.out.as_str(), ran.status), ("", Some(2)));
    assert_eq!(ran.err.matches("error[").count(), 2, "{}", ran.err);
    assert_eq!(ran.err.matches("warning[").count(), 1, "{}", ran.err);
    assert!(!ran.err.contains('\x1b'), "{}", ran.err);
    let ran = run(&["check", &warned]);
    assert_eq!(ran.status, Some(0));
    let ran = run(&["check", "--deny-warnings", &warned]);
    assert_eq!(ran.status, Some(2));
    let ran = run(&["check", &importing]);
    assert_eq!(ran.status, Some(2));
    assert!(ran.err.contains("bad.lisle"), "{}", ran.err);
    let ran = run(&["check", &format!("{good}x")]);
    assert_eq!(ran.status, Some(2));
    assert!(ran.err.starts_with("error: cannot read"), "{}", ran.err);
    let ran = run_with_input(&["check", "-"], b"print(1");
    assert_eq!(ran.status, Some(2));
    assert!(ran.err.contains("<stdin>:1:6"), "{}", ran.err);
}

#[test]
fn a_file_called_check_is_run_by_its_path() {
    let path = directory("called_check").join("check");
    fs::write(&path, "print(\"ran\")").unwrap();
    let output = lisle(&["./check"]).current_dir(path.parent().unwrap()).output().unwrap();
    assert_eq!(ran(output).out, "ran\n");
}

/// Threads that wait for a pipe hold no kernel thread; each line goes to one of them, whole, and to
/// wait for input is no deadlock, whatever else waits.
#[test]
fn threads_wait_for_the_input_without_an_lwp() {
    let path = script(
        "input",
        "import math\nimport os\nimport runtime\n\
         let lines = channel(math.inf)\n\
         let readers = (0..20).map(|_| spawn { for line in os.stdin.lines() { lines.send(line) } })\n\
         print(\"ready\")\n\
         let other = spawn { lines.recv() }\n\
         var all = [other.join()]\n\
         for _ in 1..40 { all.push(lines.recv()) }\n\
         print(all.sort().join(\" \"))\n\
         fn waits(t) { t.get(\"waits\") == \"to read\" }\n\
         while runtime.threads().filter(waits).len() < 20 { yield() }\n\
         print(runtime.lwps().filter(|lwp| lwp.state == \"in call\"))\n\
         print(runtime.threads().len(), runtime.lwps().len() <= 4)\n\
         os.stdout.flush()\n\
         for t in readers { t.join() }\n\
         print(\"end\")",
    );
    let mut child = lisle(&["--lwps", "2", &path])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut to, mut from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut expected: Vec<_> = (0..40).map(|n| format!("line{n}")).collect();
    // In pieces that are no lines.
    for (n, line) in expected.iter().enumerate() {
        let (first, second) = line.split_at(n % 4);
        to.write_all(first.as_bytes()).unwrap();
        to.flush().unwrap();
        to.write_all(format!("{second}\n").as_bytes()).unwrap();
    }
    expected.sort();
    let mut said = vec![0; 4096];
    let mut count = 0;
    while !said[..count].ends_with(b"true\n") {
        let read = from.read(&mut said[count..]).unwrap();
        assert_ne!(read, 0, "{}", String::from_utf8_lossy(&said[..count]));
        count += read;
    }
    let text = String::from_utf8(said[..count].to_vec()).unwrap();
    let expected = format!("ready\n{}\n[]\n21 true\n", expected.join(" "));
    assert_eq!(text, expected);
    drop(to);
    let mut rest = String::new();
    from.read_to_string(&mut rest).unwrap();
    assert_eq!((rest.as_str(), child.wait().unwrap().code()), ("end\n", Some(0)));
}

/// A reader that cannot use what it has read leaves it to one that can, and one that has read more than
/// it needs tells the next.
#[test]
fn readers_of_the_input_share_what_was_read() {
    let program = "import os\nimport runtime\n\
         let whole = spawn { os.stdin.read_line() }\n\
         fn waits() { runtime.threads().filter(|t| t.get(\"waits\") == \"to read\").len() }\n\
         while waits() < 1 { yield() }\n\
         let piece = spawn { os.stdin.read(2) }\n\
         while waits() < 2 { yield() }\n\
         print(\"ready\")\nos.stdout.flush()\n\
         print(piece.join())\nos.stdout.flush()\n\
         print(whole.join())\nos.stdout.flush()";
    for lwps in ["1", "2"] {
        let mut child = lisle(&["--lwps", lwps, "-e", program])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut to, mut from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut said = |expected: &str| {
            let mut said = vec![0; expected.len()];
            from.read_exact(&mut said).unwrap();
            assert_eq!(String::from_utf8(said).unwrap(), expected);
        };
        said("ready\n");
        // No line yet, but two bytes.
        to.write_all(b"abc").unwrap();
        said("ab\n");
        to.write_all(b"d\n").unwrap();
        said("cd\n");
        assert!(child.wait().unwrap().success());
    }
}
