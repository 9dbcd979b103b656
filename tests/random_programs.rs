//! Random programs (see `compiler/tests/generate`): they end, print the same on one processor and
//! on four, and leave nothing behind.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "../compiler/tests/generate/mod.rs"]
mod generate;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn run(program: &str, lwps: usize) -> (i32, String) {
    let out = Sink::default();
    let vm =
        lisle::Vm::builder().lwps(lwps).stdout(out.clone()).stderr(out.clone()).build().unwrap();
    let status = vm.run("random.lisle", program);
    drop(vm);
    let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
    (status, text)
}

#[test]
fn random_programs_do_the_same_everywhere() {
    for seed in 1000..1150 {
        let program = generate::program(seed);
        let one = run(&program, 1);
        assert_eq!(one.0, 0, "seed {seed}:\n{}\n{program}", one.1);
        assert_eq!(run(&program, 4), one, "seed {seed}:\n{program}");
    }
}

#[test]
fn loops_inside_try_drop_what_they_replace() {
    // What the handler reads is live at the jump back, and dead at the head of the loop.
    let vm = lisle::Vm::builder().lwps(1).memory_limit(4_000_000).build().unwrap();
    let found: i64 = vm
        .eval(
            "fn f(n) {\n var r = nil\n var i = 0\n try {\n while true {\n r = [i, i, i, i, i]\n i += 1\n \
             if i > n { throw r } } } catch e { r[0] } }\nf(100_000)",
        )
        .unwrap();
    assert_eq!(found, 100_000);
}

#[test]
fn random_programs_leave_nothing_behind() {
    // A function is called again and again in one VM: what it leaves behind would add up.
    for seed in 2000..2040 {
        let program = generate::program(seed).replace("print(try", "fn again() { try");
        let program = program.trim_end().strip_suffix(')').unwrap().to_owned() + " }\n";
        let vm = lisle::Vm::builder().lwps(1).build().unwrap();
        vm.load(&program).unwrap();
        vm.load("import runtime\nfn memory() { scope { again() }; runtime.stats().memory }\n")
            .unwrap();
        let memory = || vm.call::<i64>("memory", ()).unwrap();
        // The first calls fill what is kept: pools, caches.
        let _ = (memory(), memory());
        // What a thread holds that has just ended may count in one look, not in all of them.
        let grows = (0..6).all(|_| memory() < memory());
        assert!(!grows, "seed {seed} grows:\n{program}");
    }
}
