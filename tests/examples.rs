//! The examples at full size: what they print is right, and the same on 1, 2 and 8 processors.
//! (`conformance.rs` runs each of them at a small size as well.)

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

/// Takes what a program prints.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs an example; gives what it prints.
fn run(example: &str, args: &[&str], lwps: usize) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(example);
    let source = std::fs::read_to_string(&path).unwrap();
    let (out, err) = (Sink::default(), Sink::default());
    let vm = lisle::Vm::builder()
        .lwps(lwps)
        .args(args.iter().copied())
        .stdout(out.clone())
        .stderr(err.clone())
        .build()
        .unwrap();
    let status = vm.run(example, &source);
    drop(vm);
    assert_eq!((status, err.text()), (0, String::new()), "{example} on {lwps}");
    out.text()
}

/// Runs an example on 1, 2 and 8 processors, which must not make a difference.
fn run_on_all(example: &str, args: &[&str]) -> String {
    let one = run(example, args, 1);
    for lwps in [2, 8] {
        assert_eq!(run(example, args, lwps), one, "{example} on {lwps}");
    }
    one
}

/// The first `n` primes, by trial division.
fn primes(n: usize) -> Vec<u32> {
    let is_prime = |k: &u32| !(2..).take_while(|d| d * d <= *k).any(|d| k.is_multiple_of(d));
    (2..).filter(is_prime).take(n).collect()
}

#[test]
fn the_first_1000_primes() {
    let printed = run_on_all("primes.lisle", &[]);
    let printed: Vec<u32> = printed.split_whitespace().map(|p| p.parse().unwrap()).collect();
    assert_eq!(printed, primes(1000));
}

#[test]
fn a_million_leaf_threads() {
    assert_eq!(run_on_all("skynet.lisle", &[]), "499999500000\n");
}

#[test]
fn a_million_hops_around_a_ring() {
    // The token starts with the first of 10,000 members and ends where 1,000,000 hops lead.
    assert_eq!(run_on_all("ring.lisle", &[]), "1,000,000 hops ended at member 1 of 10,000\n");
}

#[test]
fn parked_threads_all_wake() {
    assert_eq!(
        run_on_all("parked.lisle", &["100000"]),
        "100,000 threads wait\nall awake, their numbers add up to 4,999,950,000\n"
    );
}

#[test]
fn an_echo_server_with_thousands_of_connections() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    // Both ends are here; other tests open files meanwhile.
    let room = (limit.maximum.unwrap_or(u64::MAX) - 600) / 2;
    let count = room.min(10_000);
    if count < 10_000 {
        eprintln!("only {count} connections: the limit of descriptors allows no more");
    }
    let shown = lisle::Vm::new().unwrap().eval::<String>(&format!("\"{{{count}:,}}\"")).unwrap();
    for lwps in [1, 2] {
        let printed = run("echo_server.lisle", &[&count.to_string()], lwps);
        let mut lines = printed.lines();
        let got = format!("{shown} of {shown} connections got their echo");
        assert_eq!(lines.next(), Some(&*got), "on {lwps}");
        assert!(lines.next().unwrap().ends_with("LWPs in a call: 0"), "{printed}");
        assert_eq!(lines.next(), Some("still there?"));
    }
}

#[test]
fn computing_goes_on_beside_threads_blocked_in_the_kernel() {
    for lwps in [1, 2, 8] {
        let fifo = std::env::temp_dir().join(format!("lisle-{}-{lwps}", std::process::id()));
        let made = Command::new("mkfifo").arg(&fifo).status().unwrap();
        assert!(made.success());
        let printed = run("blocked.lisle", &[fifo.to_str().unwrap()], lwps);
        std::fs::remove_file(&fifo).unwrap();
        assert_eq!(
            printed,
            "computed 392836\nreaders still blocked: 16\nLWPs in a call: 16\n\
             readers done, they read 12 characters\n",
            "on {lwps}"
        );
    }
}

#[test]
fn no_more_scripts_run_at_once_than_there_are_processors() {
    for lwps in [1, 2, 4] {
        let fifo = std::env::temp_dir().join(format!("lisle-most-{}-{lwps}", std::process::id()));
        let made = Command::new("mkfifo").arg(&fifo).status().unwrap();
        assert!(made.success());
        let vm = lisle::Vm::builder().lwps(lwps).build().unwrap();
        // Readers leave their processors to others and want them back all at once.
        let (most, out): (i64, i64) = {
            let source = format!(
                "import fs\nimport runtime\n\
                 fn fib(n) {{ if n < 2 {{ n }} else {{ fib(n - 1) + fib(n - 2) }} }}\n\
                 fn read() {{ fs.read(\"{0}\"); fib(16) }}\n\
                 let out = || runtime.lwps().filter(|l| \"call\" in l.state).len()\n\
                 let readers = (0..16).map(|_| spawn read())\n\
                 while out() < 16 {{ sleep(1ms) }}\n\
                 let busy = (0..8).map(|_| spawn fib(20))\n\
                 for t in busy {{ t.join() }}\n\
                 let most_out = out()\n\
                 fs.write(\"{0}\", \"x\")\n\
                 for t in readers {{ t.join() }}\n\
                 [runtime.stats().max_running, most_out]",
                fifo.to_str().unwrap()
            );
            let found: Vec<i64> = vm.eval(&source).unwrap();
            (found[0], found[1])
        };
        std::fs::remove_file(&fifo).unwrap();
        assert_eq!(out, 16);
        assert!((1..=lwps as i64).contains(&most), "{most} of {lwps}");
    }
}

/// Directories with thousands of text files: the sources of the crates this project is built from,
/// and the project's own.
fn texts() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found: Vec<PathBuf> =
        ["compiler/src", "vm/src", "stdlib/src", "tests/programs"].map(|d| own.join(d)).into();
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    if let Some(registry) = home.map(|home| home.join("registry/src"))
        && registry.is_dir()
    {
        found.push(registry);
    }
    found
}

/// All regular files below `paths` (links are not followed) that hold UTF-8.
fn utf8_files(paths: &[PathBuf]) -> (Vec<PathBuf>, usize) {
    let (mut files, mut skipped, mut todo) = (Vec::new(), 0, paths.to_vec());
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            todo.extend(std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
        } else if std::fs::read_to_string(&path).is_ok() {
            files.push(path);
        } else {
            skipped += 1;
        }
    }
    (files, skipped)
}

/// What a shell pipeline prints whose first command reads the files.
fn pipeline(files: &[PathBuf], script: &str) -> String {
    let list = std::env::temp_dir().join(format!("lisle-files-{}", std::process::id()));
    let names: Vec<u8> =
        files.iter().flat_map(|f| [f.to_str().unwrap().as_bytes(), b"\0"].concat()).collect();
    std::fs::write(&list, names).unwrap();
    let output = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(&list)
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap();
    std::fs::remove_file(&list).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn wordcount_agrees_with_wc_and_uniq() {
    let paths = texts();
    let (files, skipped) = utf8_files(&paths);
    let args: Vec<&str> = paths.iter().map(|p| p.to_str().unwrap()).collect();
    let printed = run_on_all("wordcount.lisle", &args);
    let (totals, words) = printed.split_once("\n\n").unwrap();
    let totals: HashMap<&str, usize> = totals
        .lines()
        .map(|line| {
            let (name, n) = line.split_once(' ').unwrap();
            (name, n.trim().parse().unwrap())
        })
        .collect();
    assert_eq!((totals["files"], totals["skipped"]), (files.len(), skipped));

    let wc = pipeline(&files, "xargs -0 cat -- < \"$1\" | wc -l -w -c");
    let wc: Vec<usize> = wc.split_whitespace().map(|n| n.parse().unwrap()).collect();
    assert_eq!([totals["lines"], totals["bytes"]], [wc[0], wc[2]]);
    // `wc -w` of the C library and Unicode differ on what some rare characters are; one file's last
    // word and the next one's first are one word to it where no newline stands between them.
    let apart = totals["words"].abs_diff(wc[1]);
    assert!(apart * 1000 <= wc[1], "{} words, wc says {}", totals["words"], wc[1]);

    let commonest = pipeline(
        &files,
        "xargs -0 -n1 sh -c 'cat -- \"$1\"; echo' sh < \"$1\" | LC_ALL=C tr -cs A-Za-z '\\n' | \
         LC_ALL=C tr A-Z a-z | grep . | LC_ALL=C sort | uniq -c | LC_ALL=C sort -k1,1nr -k2,2 | \
         head -20",
    );
    let columns = |text: &str| -> Vec<String> {
        text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    assert_eq!(columns(words), columns(&commonest));
}
