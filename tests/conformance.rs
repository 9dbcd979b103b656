//! Runs every program below `tests/programs`, every example, and the benchmarks at a small size,
//! through the public API, in each of the three models, as a test of its own such as
//! `threads/channel/close_wakes_receivers@1:1=2`: what is after the model is the number of processors.
//! A program that names how many it needs gets no more in the model 1:1 either.
//!
//! A program runs in this process, on a kernel thread of its own that a watchdog gives up on: one
//! that hangs fails by name and the others go on. What it prints is compared with its comments
//! (`expect.rs`).

#![forbid(unsafe_code)]

mod expect;

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};

use expect::{Expectations, Outcome};
use lisle::Model;

/// How long a program may take, on a machine busy with the other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where programs are, and what the names of their tests start with.
const PROGRAMS: [(&str, &str); 3] =
    [("tests/programs", ""), ("examples", "examples/"), ("benches", "benches/")];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for (name, check) in expect::checks::ALL {
        trials.push(Trial::test(format!("harness/{name}"), move || Ok(check()?)));
    }
    for (directory, prefix) in PROGRAMS {
        let directory = root().join(directory);
        let mut files = Vec::new();
        if let Err(error) = collect(&directory, &mut files) {
            let message = format!("cannot list {}: {error}", directory.display());
            trials.push(Trial::test("harness/finds_the_programs", move || Err(message.into())));
        }
        for file in files {
            let name = file.strip_prefix(&directory).unwrap_or(&file).with_extension("");
            add_trials(format!("{prefix}{}", name.display()), &file, &mut trials);
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The root of the repository; programs are shown with their path below it.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All programs below `directory`, in the order of their names.
fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries =
        fs::read_dir(directory)?.map(|e| Ok(e?.path())).collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "lisle") {
            files.push(path);
        }
    }
    Ok(())
}

fn add_trials(name: String, file: &Path, trials: &mut Vec<Trial>) {
    let shown = file.strip_prefix(root()).unwrap_or(file).display().to_string();
    let read = fs::read_to_string(file).map_err(|e| e.to_string());
    let program = read.and_then(|source| {
        let expectations = Expectations::parse(&source)?;
        Ok(Arc::new(Program { shown, source, expectations }))
    });
    let program = match program {
        Ok(program) => program,
        Err(message) => return trials.push(Trial::test(name, move || Err(message.into()))),
    };
    if program.expectations.not_a_test {
        return;
    }
    for machine in machines(&program.expectations.processors()) {
        let program = Arc::clone(&program);
        let skipped = program.expectations.skip.is_some();
        let trial = Trial::test(format!("{name}@{machine}"), move || test(&program, machine));
        trials.push(trial.with_ignored_flag(skipped));
    }
}

/// What a program runs on.
#[derive(Debug, Clone, Copy)]
struct Machine {
    model: Model,
    processors: usize,
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.model {
            Model::NToOne => write!(f, "{}", self.model),
            Model::MToN | Model::OneToOne => write!(f, "{}={}", self.model, self.processors),
        }
    }
}

/// The three models, m:n with each of these numbers of processors. One processor is the model n:1.
fn machines(processors: &[usize]) -> Vec<Machine> {
    let many = processors.iter().filter(|&&processors| processors != 1);
    let most = processors.iter().copied().max().unwrap_or(1);
    let mut machines = vec![Machine { model: Model::NToOne, processors: 1 }];
    machines.extend(many.map(|&processors| Machine { model: Model::MToN, processors }));
    machines.push(Machine { model: Model::OneToOne, processors: most.min(2) });
    machines
}

#[derive(Debug)]
struct Program {
    /// The path as reports show it.
    shown: String,
    source: String,
    expectations: Expectations,
}

fn test(program: &Arc<Program>, machine: Machine) -> Result<(), Failed> {
    let (send, receive) = mpsc::channel();
    let running = Arc::clone(program);
    let runner = thread::Builder::new().name(program.shown.clone()).spawn(move || {
        // Nobody receives after the watchdog has given up.
        let _ = send.send(run(&running, machine));
    })?;
    match receive.recv_timeout(PATIENCE) {
        Ok(outcome) => Ok(program.expectations.check(&outcome?)?),
        Err(RecvTimeoutError::Timeout) => {
            Err(format!("did not end within {} s", PATIENCE.as_secs()).into())
        }
        Err(RecvTimeoutError::Disconnected) => {
            let panic = runner.join().err();
            let text = panic.as_deref().and_then(|payload| {
                let text = payload.downcast_ref::<String>().map(String::as_str);
                text.or_else(|| payload.downcast_ref::<&str>().copied())
            });
            Err(format!("the host panicked: {}", text.unwrap_or("no message")).into())
        }
    }
}

fn run(program: &Program, machine: Machine) -> Result<Outcome, String> {
    let expectations = &program.expectations;
    let scratch = Scratch::default();
    let mut args = expectations.args().to_vec();
    for arg in &mut args {
        scratch.fill_in(arg).map_err(|e| e.to_string())?;
    }
    let stdout = Sink::default();
    let stderr = Sink::default();
    let vm = lisle::Vm::builder()
        .model(machine.model)
        .lwps(machine.processors)
        .stdout(stdout.clone())
        .stderr(stderr.clone())
        .stdin_bytes(expectations.stdin())
        .args(args)
        .build()
        .map_err(|e| e.to_string())?;
    let status = vm.run(&program.shown, &program.source);
    Ok(Outcome { stdout: stdout.text()?, stderr: stderr.text()?, status })
}

/// Keeps what a program writes.
#[derive(Debug, Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn text(&self) -> Result<String, String> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        String::from_utf8(bytes).map_err(|e| format!("output is not UTF-8: {e}"))
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

/// A directory of one run, made when it is asked for and removed with what is in it.
#[derive(Debug, Default)]
struct Scratch(std::cell::OnceCell<PathBuf>);

impl Scratch {
    /// Puts what they stand for in the place of `$TMP` and `$FIFO`.
    fn fill_in(&self, arg: &mut String) -> io::Result<()> {
        if arg.contains("$TMP") {
            *arg = arg.replace("$TMP", &self.path()?);
        }
        if arg.contains("$FIFO") {
            let fifo = format!("{}/fifo", self.path()?);
            let made = Command::new("mkfifo").arg(&fifo).status()?;
            if !made.success() {
                return Err(io::Error::other(format!("mkfifo: {made}")));
            }
            *arg = arg.replace("$FIFO", &fifo);
        }
        Ok(())
    }

    fn path(&self) -> io::Result<String> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        if self.0.get().is_none() {
            // Relaxed: the number only has to differ from all others.
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("lisle-conformance-{}-{number}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path)?;
            let _ = self.0.set(path);
        }
        Ok(self.0.get().map(|path| path.display().to_string()).unwrap_or_default())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(path) = self.0.get() {
            // What cannot be removed is left to the system's own cleaning.
            let _ = fs::remove_dir_all(path);
        }
    }
}
