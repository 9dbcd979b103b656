//! Sockets and processes where it takes a process of one's own to see them: limits of descriptors,
//! thousands of connections, the streams that a child inherits.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, ChildStdout, Command, Stdio},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// A program that runs; it is ended when the test is over.
struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Running {
    fn start(mut command: Command, args: &[&str]) -> Self {
        let mut child = command
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn say(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Raises this process's limit of descriptors, which its children inherit, as far as it may; gives
/// how many there are.
fn descriptors() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    limit.maximum.unwrap_or(u64::MAX)
}

#[test]
fn ten_thousand_idle_connections_hold_no_lwps() {
    const WANTED: u64 = 10_000;
    const PROCESSORS: usize = 2;
    let count = WANTED.min(descriptors() - 500);
    if count < WANTED {
        eprintln!("only {count} connections: the limit of descriptors allows no more");
    }
    let program = "
        import net
        import os
        import runtime
        fn serve(conn) { for line in conn.lines() { conn.write(line + \"\\n\") } }
        let count = int(os.args[0])
        let server = net.listen(\"127.0.0.1:0\")
        print(server.addr)
        os.stdout.flush()
        let served = (0..count).map(|_| { let conn = server.accept(); spawn serve(conn) })
        fn reading() { runtime.threads().filter(|t| t.get(\"waits\") == \"to read\").len() }
        while reading() < count { yield() }
        print(runtime.lwps().len(), runtime.lwps().filter(|l| \"call\" in l.state).len())
        os.stdout.flush()
        for t in served { t.join() }
        print(\"all gone\")";
    let mut server = Running::start(
        Command::new(env!("CARGO_BIN_EXE_lisle")),
        &["--lwps", &PROCESSORS.to_string(), "-e", program, &count.to_string()],
    );
    let address = server.line();
    let mut connections: Vec<TcpStream> =
        (0..count).map(|_| TcpStream::connect(&address).unwrap()).collect();
    let line = server.line();
    let lwps: Vec<usize> = line.split(' ').map(|n| n.parse().unwrap()).collect();
    // The one more is for what waited in the kernel: to find a port, to print.
    assert!(lwps[0] <= PROCESSORS + 1 && lwps[1] == 0, "LWPs, and those in a call: {line}");
    for (i, connection) in connections.iter_mut().enumerate().step_by(997) {
        let text = format!("hello {i}\n");
        connection.write_all(text.as_bytes()).unwrap();
        let mut answer = vec![0; text.len()];
        connection.read_exact(&mut answer).unwrap();
        assert_eq!(answer, text.as_bytes());
    }
    drop(connections);
    assert_eq!(server.line(), "all gone");
}

#[test]
fn a_listener_outlives_a_lack_of_descriptors() {
    let program = "
        import net
        import os
        let server = net.listen(\"127.0.0.1:0\")
        print(server.addr)
        os.stdout.flush()
        var held = []
        let e = try { loop { held.push(server.accept()) } } catch e { e }
        print(e.kind, \"ulimit -n\" in e.message, held.len() > 1)
        held = []
        print(server.accept().read().text())
        let late = try { loop { held.push(net.connect(server.addr)) } } catch e { e }
        print(late.kind, \"ulimit -n\" in late.message)";
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 40; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_lisle")]);
    let mut server = Running::start(limited, &["-e", program]);
    let address = server.line();
    let mut clients: Vec<_> = (0..60).map(|_| TcpStream::connect(&address).unwrap()).collect();
    assert_eq!(server.line(), "io true true");
    for client in &mut clients {
        // Those that were accepted and dropped are reset.
        let _ = client.write_all(b"here");
    }
    drop(clients);
    assert_eq!(server.line(), "here");
    assert_eq!(server.line(), "io true");
}

#[test]
fn what_a_child_prints_comes_after_what_was_printed_before() {
    let program = "
        import process
        print(input())
        process.spawn(\"cat\", stdin: \"null\", stdout: \"inherit\").wait()
        process.spawn(\"echo\", [\"two\"], stdout: \"inherit\").wait()
        print(\"three\")
        process.spawn(\"sh\", [\"-c\", \"echo four >&2\"], stdout: \"inherit\", stderr: \"stdout\").wait()";
    let mut running = Running::start(Command::new(env!("CARGO_BIN_EXE_lisle")), &["-e", program]);
    running.say("one");
    let lines: Vec<_> = (0..4).map(|_| running.line()).collect();
    assert_eq!(lines, ["one", "two", "three", "four"]);
}
