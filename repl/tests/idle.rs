//! A program that only waits does nothing: its kernel threads sleep, all of them, whatever it waits
//! for. Counted by the kernel, in context switches.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    io::{Read, Write},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Far longer than it takes a program to calm down.
const PATIENCE: Duration = Duration::from_secs(30);

/// All context switches that the threads of a process have made so far; their number too.
fn switches(process: u32) -> (usize, u64) {
    let mut sum = (0, 0);
    for task in fs::read_dir(format!("/proc/{process}/task")).unwrap() {
        let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap_or_default();
        let counts = status.lines().filter(|line| line.contains("ctxt_switches"));
        sum.0 += 1;
        sum.1 += counts
            .filter_map(|line| line.split_whitespace().last()?.parse::<u64>().ok())
            .sum::<u64>();
    }
    sum
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program prints a line when it has begun to wait. From some moment on nothing happens in it for
/// half a second.
#[track_caller]
fn sleeps(program: &str) {
    let child = Command::new(env!("CARGO_BIN_EXE_lisle"))
        .args(["--lwps", "2", "-e", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    let mut line = [0; 6];
    running.0.stdout.as_mut().unwrap().read_exact(&mut line).unwrap();
    assert_eq!(&line, b"ready\n");
    let process = running.0.id();
    let from = Instant::now();
    let mut before = switches(process);
    loop {
        thread::sleep(Duration::from_millis(500));
        let now = switches(process);
        if now == before {
            break;
        }
        assert!(from.elapsed() < PATIENCE, "{before:?} and then {now:?}: it does not rest");
        before = now;
    }
    // It was no accident: it still reacts.
    running.0.stdin.take().unwrap().write_all(b"go\n").unwrap();
    assert!(running.0.wait().unwrap().success());
}

/// `wait` waits in a thread for ever; the main thread waits for input.
fn beside_input(wait: &str) -> String {
    format!(
        "import fs\nimport os\nimport thread\nimport time\n\
         thread.spawn(|| {{ {wait} }}, background: true)\n\
         yield()\n\
         print(\"ready\")\nos.stdout.flush()\n\
         os.stdin.read_line()\n\
         os.exit(0)"
    )
}

#[test]
fn while_it_waits_for_input() {
    sleeps(&beside_input("nil"));
}

#[test]
fn while_a_thread_sleeps() {
    sleeps(&beside_input("sleep(1h)"));
}

#[test]
fn while_threads_wait_for_each_other() {
    sleeps(&beside_input("channel().recv()"));
}

#[test]
fn while_nobody_takes_the_ticks_of_a_ticker() {
    sleeps(&beside_input("let ticks = time.ticker(1ms)\nchannel().recv()\nticks.recv()"));
}

#[test]
fn while_a_call_is_stuck_in_the_kernel() {
    let directory = env!("CARGO_TARGET_TMPDIR");
    let fifo = format!("{directory}/idle-fifo");
    let _ = fs::remove_file(&fifo);
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    sleeps(&beside_input(&format!("fs.read(\"{fifo}\")")));
}
