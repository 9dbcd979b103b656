//! The kernel fails on purpose: system calls are interrupted, threads and descriptors are refused, by
//! `strace` which puts the errors in. A program does its work all the same, or has errors that it can
//! catch; it never aborts, hangs, or loses anything. Where `strace` is not installed, or may not trace,
//! the tests are listed as ignored.

#![forbid(unsafe_code)]

use std::{
    io::Read,
    process::{Command, ExitCode, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use libtest_mimic::{Arguments, Failed, Trial};

/// Far longer than anything here takes; a program that hangs is killed then.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sockets, children, files, timers, messages. An error of the kernel is caught, and what it has
/// interrupted is done again.
const WORK: &str = r#"
import fs
import net
import process
import sync
import thread

fn again(f) {
    loop {
        match try { [f()] } catch e { e.kind } {
            [value] => return value
            "io" => sleep(1ms)
            other => throw error("a fault became {other}")
        }
    }
}

fn serve(server) {
    loop {
        let c = match try { server.accept() } catch e { e.kind } {
            "closed" => return
            "io" => continue
            c => c
        }
        spawn { try { for line in c.lines() { c.write("{line}!\n") } } catch e { nil } }
    }
}

fn talk(addr, n) {
    let c = net.connect(addr)
    let said = (0..10).map(|i| {
        c.write("{n}.{i}\n")
        c.read_line()
    })
    c.close()
    said == (0..10).map(|i| "{n}.{i}!")
}

let directory = fs.temp_dir()
let servers = ["127.0.0.1:0", "unix:{directory}/s"].map(|addr| again(|| net.listen(addr)))
let accepting = servers.map(|server| spawn serve(server))
let talks = thread.map(0..20, |n| again(|| talk(servers[n % 2].addr, n)))
print("talks", talks.all(|ok| ok))

let path = "{directory}/file"
again(|| fs.write(path, "line\n" * 50_000))
print("lines", again(|| [...fs.lines(path)].len()))

let ends = thread.map(0..5, |n| again(|| process.run("cat", [], input: "{n}" * 100_000).stdout.len()))
print("children", ends)

let sum = sync.mutex(0)
scope { for i in 0..100 { spawn { sleep(float(i % 7) / 1000.0); sum.update(|s| s + i) } } }
print("timers", sum.get())

let bound = (0..10).map(|i| again(|| thread.spawn(|| { sleep(1ms); i }, bound: true)).join())
print("bound", bound.sum())

for server in servers { server.close() }
for t in accepting { t.join() }
again(|| fs.remove(path))
again(|| fs.remove(directory))
"#;

const DONE: &str = "talks true\nlines 50000\nchildren [100000, 100000, 100000, 100000, 100000]\n\
                    timers 4950\nbound 45\n";

/// What goes wrong, and how often: from one call on, then each so many.
const FAULTS: &[(&str, &str)] = &[
    ("nothing", "read:error=EINTR:when=60000"),
    ("reads_are_interrupted", "read,readv,recvfrom:error=EINTR:when=9+4"),
    ("writes_are_interrupted", "write,writev,sendto:error=EINTR:when=2+3"),
    ("waits_are_interrupted", "epoll_pwait2,epoll_wait,poll:error=EINTR:when=1+2"),
    ("the_poller_is_of_an_older_kernel", "epoll_pwait2:error=ENOSYS"),
    ("accepts_are_interrupted", "accept4:error=EINTR:when=1+2"),
    ("connections_are_gone_when_they_are_accepted", "accept4:error=ECONNABORTED:when=2+3"),
    ("descriptors_run_out_in_accept", "accept4:error=EMFILE:when=2+3"),
    ("descriptors_run_out_in_socket", "socket:error=EMFILE:when=4+3"),
    ("descriptors_cannot_be_watched", "epoll_ctl:error=ENOMEM:when=5+17"),
    ("kernel_threads_are_refused", "clone3:error=EAGAIN:when=4+3"),
    ("memory_for_kernel_threads_is_refused", "clone3:error=ENOMEM:when=3+2"),
    ("children_cannot_be_watched", "pidfd_open:error=EMFILE:when=1+2"),
    ("pipes_run_out", "pipe2:error=EMFILE:when=2+11"),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let traces = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", "inject=getpid:error=EPERM", "true"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let mut trials = Vec::new();
    for (name, fault) in FAULTS {
        for lwps in [1, 2] {
            let trial = Trial::test(format!("{name}@lwps={lwps}"), move || run(fault, lwps));
            trials.push(trial.with_ignored_flag(!traces));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn run(fault: &str, lwps: usize) -> Result<(), Failed> {
    let lwps = lwps.to_string();
    let mut child = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", "signal=none", "-e"])
        .arg(format!("inject={fault}"))
        .args([env!("CARGO_BIN_EXE_lisle"), "--lwps", &lwps, "-e", WORK])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (mut out, mut err) = match (child.stdout.take(), child.stderr.take()) {
        (Some(out), Some(err)) => (out, err),
        _ => return Err("the pipes are missing".into()),
    };
    let (send, receive) = mpsc::channel();
    let reader = thread::spawn(move || {
        let mut said = String::new();
        let read = out.read_to_string(&mut said);
        // Nobody receives after the patience has run out.
        let _ = send.send(read.map(|_| said));
    });
    let errors = thread::spawn(move || {
        let mut said = String::new();
        err.read_to_string(&mut said).map(|_| said)
    });
    let said = receive.recv_timeout(PATIENCE);
    if said.is_err() {
        // `strace` lets go of the program when it is killed, so it is asked to end it.
        let _ = Command::new("pkill").args(["-KILL", "-P", &child.id().to_string()]).status();
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("it hangs after {} s", PATIENCE.as_secs()).into());
    }
    let status = child.wait()?;
    let _ = reader.join();
    let errors = errors.join().map_err(|_| "a reader panicked")??;
    match said {
        Ok(Ok(said)) if said == DONE && status.success() => Ok(()),
        said => Err(format!("{status}\n{said:?}\n{errors}").into()),
    }
}
