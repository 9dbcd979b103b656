//! Descriptors of a host that user threads wait for, and processes: how waits end, and what is left.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    io::{Read, Write},
    os::unix::net::UnixStream,
    sync::{Arc, LazyLock, mpsc},
    time::Duration,
};

use lisle::{
    Context, Error, ErrorKind, HostObject, HostType, Interest, ModuleBuilder, Object, Reply, Vm,
    Waited, Watched,
};

/// One end of a socket.
struct Wire(Watched<UnixStream>);

impl HostObject for Wire {
    fn host_type() -> &'static HostType<Self> {
        static TYPE: LazyLock<HostType<Wire>> = LazyLock::new(|| {
            HostType::new("wire")
                .raw("byte(limit = nil)", "The next byte; nil at the end.", wire_byte)
                .method("close()", "Closes it.", |wire: &Wire| wire.0.close())
        });
        &TYPE
    }
}

fn wire_byte(wire: &Arc<Wire>, context: &mut Context<'_, '_>) -> Result<Reply, Error> {
    let limit = context.get::<Option<f64>>(0)?.map(Duration::from_secs_f64);
    let attempt = |mut stream: &UnixStream| {
        let mut byte = [0];
        Ok((stream.read(&mut byte)? == 1).then_some(i64::from(byte[0])))
    };
    Ok(Reply::io(&wire.0, Interest::Read, limit, attempt, |waited| match waited {
        Waited::Done(Ok(Some(13))) => panic!("thirteen"),
        Waited::Done(read) => Reply::now(read?),
        Waited::TimedOut => Err(Error::new(ErrorKind::Timeout, "nothing came")),
        Waited::Closed => Err(Error::new(ErrorKind::Closed, "the wire is closed")),
    }))
}

/// A VM with `wires.open()`, which gives one end and sends the other one here.
fn wires() -> (Vm, mpsc::Receiver<UnixStream>) {
    let (send, receive) = mpsc::channel();
    let open = move |context: &mut Context<'_, '_>| {
        let (mine, theirs) = UnixStream::pair()?;
        theirs.set_nonblocking(true)?;
        send.send(mine).unwrap();
        Reply::now(Object(Wire(context.poller().watch(theirs)?)))
    };
    let module = ModuleBuilder::new("wires", "Sockets.").raw("open()", "A socket.", open);
    let vm = Vm::builder().lwps(2).module(module).build().unwrap();
    vm.load("import wires\nimport runtime\nimport thread").unwrap();
    (vm, receive)
}

#[test]
fn waiting_for_a_descriptor_holds_no_lwp() {
    let (vm, ends) = wires();
    vm.load("let all = (0..300).map(|_| wires.open())\nlet threads = all.map(|w| spawn w.byte())")
        .unwrap();
    let ends: Vec<_> = ends.iter().take(300).collect();
    vm.load("fn waits(t) { t.get(\"waits\") == \"to read\" }").unwrap();
    vm.eval::<()>("while runtime.threads().filter(waits).len() < 300 { yield() }").unwrap();
    assert!(vm.eval::<i64>("runtime.lwps().len()").unwrap() <= 3);
    for (n, mut end) in ends.iter().enumerate() {
        end.write_all(&[n as u8 & 7]).unwrap();
    }
    let sum = (0..300).map(|n| n & 7).sum::<i64>();
    assert_eq!(vm.eval::<i64>("threads.map(|t| t.join()).sum()").unwrap(), sum);
    // At the end.
    drop(ends);
    assert_eq!(vm.eval::<Option<i64>>("all[0].byte()").unwrap(), None);
}

#[test]
fn a_wait_for_a_descriptor_ends_in_every_way() {
    let (vm, ends) = wires();
    vm.load("let w = wires.open()\nlet t = spawn { defer print(\"left\"); w.byte() }").unwrap();
    let mut end = ends.recv().unwrap();
    let kind =
        |text: &str| vm.eval::<String>(&format!("try {{ {text} }} catch e {{ e.kind }}")).unwrap();
    assert_eq!(kind("w.byte(0.001)"), "timeout");
    assert_eq!(kind("w.byte(0)"), "timeout");
    assert_eq!(kind("thread.timeout(0.001, || w.byte())"), "timeout");
    assert_eq!(kind("t.cancel(); t.join()"), "cancelled");
    // Those who left take nothing from who comes.
    end.write_all(&[7, 13, 8]).unwrap();
    assert_eq!(vm.eval::<i64>("w.byte()").unwrap(), 7);
    assert_eq!(kind("w.byte()"), "panic");
    assert_eq!(vm.eval::<i64>("w.byte(1)").unwrap(), 8);
    vm.load("let u = [spawn w.byte(), spawn w.byte(), spawn w.byte()]").unwrap();
    assert!(vm.eval::<bool>("w.close()").unwrap());
    assert_eq!(
        kind("u[0].join()") + &kind("u[1].join()") + &kind("u[2].join()"),
        "closedclosedclosed"
    );
    assert_eq!(kind("w.byte()"), "closed");
    assert!(!vm.eval::<bool>("w.close()").unwrap());
}

/// A VM that ends while threads wait frees what they wait for.
#[test]
fn descriptors_are_closed_with_their_vm() {
    let (vm, ends) = wires();
    vm.load("let all = (0..10).map(|_| spawn { wires.open().byte() })").unwrap();
    let ends: Vec<_> = ends.iter().take(10).collect();
    drop(vm);
    for mut end in ends {
        assert_eq!(end.read(&mut [0]).unwrap(), 0);
    }
}

/// A process that outlives its VM leaves nothing of itself in this one: who would have asked how it
/// ended is gone.
#[test]
fn processes_are_let_go_with_their_vm() {
    let of_processes = || {
        let links = fs::read_dir("/proc/self/fd").unwrap().flatten();
        let links = links.filter_map(|entry| fs::read_link(entry.path()).ok());
        links.filter(|link| link.to_string_lossy().contains("pidfd")).count()
    };
    let vm = Vm::builder().lwps(2).build().unwrap();
    vm.load("import process\nlet kept = process.spawn(\"sleep\", [\"1000\"])").unwrap();
    let pid: u32 = vm.eval("process.spawn(\"sleep\", [\"1000\"]).pid").unwrap();
    assert_eq!(of_processes(), 2);
    let kept: u32 = vm.eval("kept.pid").unwrap();
    drop(vm);
    assert_eq!(of_processes(), 0);
    for pid in [pid, kept] {
        let killed = std::process::Command::new("kill").arg(pid.to_string()).status().unwrap();
        assert!(killed.success());
    }
}

/// What cannot be watched is an error, and a file on a disk is such a thing.
#[test]
fn files_cannot_be_watched() {
    let watch = |context: &mut Context<'_, '_>| {
        let file = fs::File::open("Cargo.toml")?;
        Reply::now(context.poller().watch(file).is_ok())
    };
    let module = ModuleBuilder::new("files", "Files.").raw("watch()", "Watches one.", watch);
    let vm = Vm::builder().module(module).build().unwrap();
    assert!(!vm.eval::<bool>("import files\nfiles.watch()").unwrap());
}
