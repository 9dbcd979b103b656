//! Threads, kernel threads and the models between them, as a host sees them: bound threads, calls that
//! wait, deadlocks beside handles that come and go.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod paper;

use std::{
    sync::{
        Arc, Condvar, LazyLock, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

use lisle::{HostObject, HostType, Model, ModuleBuilder, Value, Vm};

use paper::Paper;

/// A VM with natives of each kind that say which kernel thread they run on.
fn vm_that_says_where(builder: lisle::VmBuilder) -> Vm {
    let here = || format!("{:?}", thread::current().id());
    let builder = builder.function("here()", here).blocking_function("blocking_here()", here);
    builder.eager_function("eager_here()", here).build().unwrap()
}

/// Across yields, parks, sleeps and calls, beside threads that are not bound and never come there.
#[test]
fn a_bound_thread_has_one_kernel_thread() {
    for lwps in [1, 2, 8] {
        let vm = vm_that_says_where(Vm::builder().lwps(lwps));
        vm.load(
            "import thread
            fn wander(ping, pong) {
                var seen = set()
                for i in 0..200 {
                    if ping != nil { pong.send(ping.recv()) }
                    for where in [here(), blocking_here(), eager_here()] { seen.insert(where) }
                    if i % 50 == 0 { sleep(1ms) } else { yield() }
                }
                seen
            }
            fn run() {
                let a = channel()
                let b = channel()
                let echo = thread.spawn(|| wander(a, b), bound: true)
                let alone = thread.spawn(|| wander(nil, nil), bound: true)
                let free = (0..3).map(|_| spawn wander(nil, nil))
                for i in 0..200 { a.send(i); b.recv() }
                let homes = [echo.join(), alone.join()]
                var others = set()
                for t in free { for where in t.join() { others.insert(where) } }
                [homes.map(|home| home.len()), [...homes[0], ...homes[1]].filter(|h| h in others)]
            }",
        )
        .unwrap();
        let (sizes, shared): (Vec<usize>, Vec<String>) = vm.call("run", ()).unwrap();
        assert_eq!((sizes, shared), (vec![1, 1], vec![]), "{lwps} LWPs");
    }
}

#[test]
fn models_map_threads_to_kernel_threads() {
    let homes = "let gate = channel()
        let ts = (0..5).map(|_| spawn { gate.recv(); here() })
        gate.close()
        set(ts.map(|t| t.join())).len()";
    for model in Model::ALL {
        let vm = vm_that_says_where(Vm::builder().model(model));
        let name: String = vm.eval("import runtime\nruntime.model()").unwrap();
        assert_eq!(name.parse(), Ok(model));
        let bound: usize =
            vm.eval("import runtime\nruntime.lwps().filter(|lwp| lwp.bound).len()").unwrap();
        let one_each = model == Model::OneToOne;
        // That of the evaluation's own thread, and perhaps that of the one before, which is leaving.
        assert_eq!(bound > 0, one_each, "{model}: {bound}");
        let homes: usize = vm.eval(homes).unwrap();
        assert!(if one_each { homes == 5 } else { homes <= 5 }, "{model}: {homes}");
    }
    let refused = Vm::builder().model(Model::NToOne).lwps(4).build().unwrap_err();
    assert!(refused.message().contains("in the model n:1"), "{refused}");
    assert!("2:2".parse::<Model>().is_err());
}

/// Something to wait for in the kernel.
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    fn wait(&self) {
        drop(self.1.wait_while(self.0.lock().unwrap(), |open| !*open).unwrap());
    }

    fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }
}

impl HostObject for Gate {
    fn host_type() -> &'static HostType<Self> {
        static TYPE: LazyLock<HostType<Gate>> = LazyLock::new(|| {
            HostType::new("gate").method("open()", "", |gate: &Gate| gate.open()).blocking(
                "pass()",
                "",
                |gate: &Gate| gate.wait(),
            )
        });
        &TYPE
    }
}

#[test]
fn calls_are_seen_by_their_names_and_so_is_who_waits_for_its_turn() {
    let gate = Arc::new(Gate(Mutex::new(false), Condvar::new()));
    let (waiting, closed) = (gate.clone(), gate.clone());
    let road = ModuleBuilder::new("road", "")
        .blocking("wait()", "", move || waiting.wait())
        .function("close()", "", move || *closed.0.lock().unwrap() = false)
        .function("gate()", "", move || gate.clone());
    // One call may be out, the next one waits for its turn.
    let vm = Vm::builder().lwps(1).max_lwps(3).module(road).build().unwrap();
    for (call, name) in [("road.wait()", "road.wait"), ("road.gate().pass()", "gate.pass")] {
        let text = format!(
            r#"
            import road
            import runtime
            let gate = road.gate()
            fn of(id) {{ runtime.threads().find(|t| t.id == id) }}
            let first = spawn {{ {call} }}
            while of(first.id()).state != "in call" {{ yield() }}
            let second = spawn {{ {call} }}
            while of(second.id()).state != "waiting" {{ yield() }}
            let seen = [of(first.id()).call, of(second.id()).waits]
            let lwp = runtime.lwps().find(|l| l.state == "in call")
            let dump = runtime.dump()
            gate.open()
            first.join()
            second.join()
            [...seen, lwp.call, lwp.thread == first.id(),
             dump.contains("`: in call {name}\n"),
             dump.contains("`: waits for its turn to call {name}\n"),
             dump.contains("in call {name} for ")]
            "#
        );
        let seen: Vec<Value> = vm.eval(&text).unwrap();
        let seen: Vec<String> = seen.iter().map(Value::to_string).collect();
        let turn = format!("for its turn to call {name}");
        assert_eq!(seen, [name, turn.as_str(), name, "true", "true", "true", "true"]);
        vm.eval::<()>(
            "import road
road.close()",
        )
        .unwrap();
    }
}

#[test]
fn a_call_that_waits_for_its_turn_is_not_made_after_a_cancellation() {
    let (gate, made) =
        (Arc::new(Gate(Mutex::new(false), Condvar::new())), Arc::new(AtomicUsize::new(0)));
    let (waiting, calls) = (gate.clone(), made.clone());
    let road = ModuleBuilder::new("road", "")
        .blocking("wait()", "", move || {
            calls.fetch_add(1, SeqCst);
            waiting.wait();
        })
        .function("gate()", "", move || gate.clone());
    // One call may be out, the next one waits for its turn.
    let vm = Vm::builder().lwps(1).max_lwps(3).module(road).build().unwrap();
    let text = r#"
        import road
        import runtime
        fn of(t) { runtime.threads().find(|it| it.id == t.id()) }
        let first = spawn { road.wait() }
        while of(first).state != "in call" { yield() }
        let second = spawn { road.wait() }
        while of(second).state != "waiting" { yield() }
        second.cancel()
        road.gate().open()
        first.join()
        try { second.join() } catch e { e.kind }
    "#;
    assert_eq!(vm.eval::<String>(text).unwrap(), "cancelled");
    assert_eq!(made.load(SeqCst), 1);
}

/// A handle that comes and goes while a program runs does not keep its deadlock from being told.
#[test]
fn handles_come_and_go_while_a_program_runs() {
    let said = Paper::default();
    let cell: Arc<Mutex<Option<Vm>>> = Arc::default();
    let kept = cell.clone();
    let vm = Vm::builder()
        .stderr(said.clone())
        .blocking_function("touch()", move || {
            let vm = kept.lock().unwrap().clone().unwrap();
            drop(vm.clone());
            vm.eval::<i64>("6 * 7")
        })
        .build()
        .unwrap();
    *cell.lock().unwrap() = Some(vm.clone());
    assert_eq!(vm.run("program", "print(touch())\nchannel().recv()"), 1);
    assert!(said.text().contains("deadlock"), "{}", said.text());
    *cell.lock().unwrap() = None;
}

/// Two calls by way of one handle: one ends as the other stalls, which is told all the same.
#[test]
fn two_calls_of_one_handle_hide_no_deadlock() {
    let vm = Vm::builder().lwps(2).build().unwrap();
    for _ in 0..200 {
        thread::scope(|scope| {
            let stuck = scope.spawn(|| vm.eval::<()>("channel().recv()").unwrap_err());
            let other = scope.spawn(|| vm.eval::<i64>("1 + 1"));
            assert!(other.join().unwrap().is_ok());
            assert_eq!(stuck.join().unwrap().kind().name(), "deadlock");
        });
    }
}
