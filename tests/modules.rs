//! File modules, as a host provides and uses them.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::HashMap,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
};

use lisle::{Error, ErrorKind, Loader, Session, Vm};

/// Modules that a test makes up, by their paths.
#[derive(Clone, Default)]
struct Texts {
    texts: Arc<Mutex<HashMap<String, String>>>,
    /// How many were read.
    loads: Arc<AtomicUsize>,
}

impl Texts {
    fn new(texts: &[(&str, &str)]) -> Self {
        let all = Self::default();
        texts.iter().for_each(|(name, text)| all.set(name, text));
        all
    }

    fn set(&self, name: &str, text: &str) {
        self.texts.lock().unwrap().insert(name.to_owned(), text.to_owned());
    }
}

impl Loader for Texts {
    fn resolve(&self, importer: &str, path: &str) -> Result<String, Error> {
        if path == "who" {
            return Err(Error::new(ErrorKind::Import, format!("asked by {importer}")));
        }
        match self.texts.lock().unwrap().contains_key(path) {
            true => Ok(path.to_owned()),
            false => Err(Error::new(ErrorKind::Import, "there is no such text")),
        }
    }

    fn load(&self, module: &str) -> Result<String, Error> {
        self.loads.fetch_add(1, SeqCst);
        Ok(self.texts.lock().unwrap()[module].clone())
    }

    fn shown(&self, module: &str) -> String {
        format!("<{module}>")
    }

    fn candidates(&self, _importer: &str, _path: &str) -> Vec<String> {
        self.texts.lock().unwrap().keys().cloned().collect()
    }
}

/// Bytes that a VM writes.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn vm_with(texts: &Texts) -> Vm {
    Vm::builder().lwps(2).loader(texts.clone()).build().unwrap()
}

fn failure(session: &Session, text: &str) -> Error {
    session.eval::<()>(text).unwrap_err()
}

#[test]
fn a_loader_gives_the_texts() {
    let texts = Texts::new(&[("rates", "fn vat(sum) { sum * 0.19 }\nlet name = \"VAT\"")]);
    let vm = vm_with(&texts);
    assert_eq!(vm.eval::<f64>("import \"rates\"\nrates.vat(100)").unwrap(), 19.0);
    // The name lasts, and the module is known from now on.
    assert_eq!(vm.eval::<String>("rates.name").unwrap(), "VAT");
    let other = vm.session();
    assert_eq!(other.eval::<String>("import \"rates\" as r\nr.name").unwrap(), "VAT");
    assert_eq!(texts.loads.load(SeqCst), 1);
}

#[test]
fn a_file_has_the_standard_modules_that_only_it_imports() {
    let texts = Texts::new(&[
        (
            "roots",
            "import math\nimport thread\nfn root(x) { math.sqrt(x) }\nfn roots(xs) { thread.map(xs, root) }",
        ),
        ("wrong", "import math\nfn root(x) { math.squareroot(x) }"),
    ]);
    let vm = vm_with(&texts);
    assert_eq!(vm.eval::<f64>("import \"roots\"\nroots.root(4.0)").unwrap(), 2.0);
    assert_eq!(vm.eval::<f64>("roots.roots([9.0])[0]").unwrap(), 3.0);
    let wrong = vm_with(&texts).eval::<()>("import \"wrong\"").unwrap_err().to_string();
    assert!(wrong.contains("squareroot"), "{wrong}");
}

#[test]
fn members_imported_by_name_last_in_a_session() {
    let vm = vm_with(&Texts::new(&[("m", "let limit = 3\nfn twice(x) { 2 * x }")]));
    vm.eval::<()>("import \"m\".{limit, twice}").unwrap();
    vm.load("fn both() { twice(limit) }").unwrap();
    assert_eq!(vm.call::<i64>("both", ()).unwrap(), 6);
    assert_eq!(vm.eval::<Vec<i64>>("[1, 2].map(twice)").unwrap(), [2, 4]);
    let error = vm.eval::<()>("twice(1, 2)").unwrap_err();
    assert!(error.message().contains("takes 1 argument"), "{error}");
}

#[test]
fn without_a_loader_there_are_no_files() {
    let error = Vm::bare().build().unwrap().eval::<()>("import \"./util\"").unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Syntax);
    assert!(error.message().contains("given it no files"), "{error}");
}

#[test]
fn a_loader_s_refusal_is_shown_at_the_import() {
    let vm = vm_with(&Texts::new(&[("rates", "")]));
    let error = vm.load_named("start", "print()\nimport \"rate\"").unwrap_err();
    assert_eq!(error.message(), "cannot import `rate`: there is no such text");
    assert_eq!(error.place().unwrap().to_string(), "start:2:8");
    assert!(error.to_string().contains("did you mean `rates`?"), "{error}");
    let error = vm.load_named("start", "import \"who\"").unwrap_err();
    assert!(error.message().ends_with("asked by start"), "{error}");
}

#[test]
fn errors_come_with_the_text_they_are_in() {
    let texts = Texts::new(&[("a", "import \"b\"\nlet x = nosuch"), ("b", "\nlet y = other")]);
    let error = vm_with(&texts).eval::<()>("import \"a\"\nunknown").unwrap_err();
    let found: Vec<_> =
        error.diagnostics().map(|(message, place)| format!("{place} {message}")).collect();
    assert_eq!(
        found,
        [
            "<b>:2:9 unknown name `other`",
            "<a>:2:9 unknown name `nosuch`",
            "<eval>:2:1 unknown name `unknown`",
        ]
    );
    let report = error.to_string();
    assert!(report.contains("2 | let y = other") && report.contains("--> <a>:2:9"), "{report}");
}

#[test]
fn a_text_that_is_mended_can_be_imported() {
    let texts = Texts::new(&[("m", "let x = ")]);
    let session = vm_with(&texts).session();
    failure(&session, "import \"m\"");
    texts.set("m", "let x = 1");
    // Nothing is kept of a line that is wrong elsewhere, either.
    failure(&session, "import \"m\"\nnosuch");
    texts.set("m", "let x = 2");
    assert_eq!(session.eval::<i64>("import \"m\"\nm.x").unwrap(), 2);
}

#[test]
fn a_failed_module_fails_every_import_in_the_same_way() {
    let paper = Paper::default();
    let texts = Texts::new(&[("m", "print(\"runs\")\nlet x = [][1]")]);
    let vm = Vm::builder().lwps(2).stdout(paper.clone()).loader(texts.clone()).build().unwrap();
    let session = vm.session();
    for _ in 0..2 {
        let error = failure(&session, "import \"m\"");
        assert_eq!((error.kind(), error.place().unwrap().line()), (&ErrorKind::Index, 2));
        assert_eq!(error.place().unwrap().source(), "<m>");
    }
    let error = failure(&vm.session(), "import \"m\" as other\nother.x");
    assert_eq!(*error.kind(), ErrorKind::Index);
    // The names are there; what they stand for never came.
    let error = failure(&session, "m.x");
    assert_eq!(error.message(), "`x` of `<m>` has not been set yet");
    assert_eq!(paper.text(), "runs\n");
}

#[test]
fn sessions_that_import_at_once_run_it_once() {
    let paper = Paper::default();
    let text = "print(\"runs\")\nsleep(50ms)\nlet x = 7";
    let texts = Texts::new(&[("slow", text), ("over", "import \"slow\"\nlet x = slow.x")]);
    let vm = Vm::builder().lwps(2).stdout(paper.clone()).loader(texts).build().unwrap();
    thread::scope(|scope| {
        for name in ["slow", "over", "slow", "over"] {
            let session = vm.session();
            scope.spawn(move || {
                let text = format!("import \"{name}\" as m\nm.x");
                assert_eq!(session.eval::<i64>(&text).unwrap(), 7);
            });
        }
    });
    assert_eq!(paper.text(), "runs\n");
}

#[test]
fn a_run_that_was_stopped_is_a_failure() {
    let texts = Texts::new(&[("long", "import host\nhost.here()\nlet x = 1\nsleep(1h)")]);
    let (here, arrived) = mpsc::channel();
    let host = lisle::ModuleBuilder::new("host", "").function("here()", "", move || {
        let _ = here.send(());
    });
    let vm = Vm::builder().lwps(2).loader(texts).module(host).build().unwrap();
    let session = vm.session();
    let interrupt = session.interrupt();
    let line = thread::spawn(move || (failure(&session, "import \"long\""), session));
    arrived.recv().unwrap();
    interrupt.cancel();
    let (error, session) = line.join().unwrap();
    assert_eq!(*error.kind(), ErrorKind::Cancelled);
    let error = failure(&session, "import \"long\"");
    assert_eq!(*error.kind(), ErrorKind::Import);
    assert!(error.message().contains("`<long>` was stopped while it ran"), "{error}");
}

#[test]
fn a_waiter_that_is_stopped_leaves_the_module_to_others() {
    let texts = Texts::new(&[("slow", "import host\nhost.wait()\nlet x = 1")]);
    let gate = Arc::new(std::sync::Barrier::new(2));
    let inside = gate.clone();
    let host = lisle::ModuleBuilder::new("host", "").blocking("wait()", "", move || {
        inside.wait();
        inside.wait();
    });
    let vm = Vm::builder().lwps(2).loader(texts).module(host).build().unwrap();
    let (first, second) = (vm.session(), vm.session());
    let interrupt = second.interrupt();
    let runs = thread::spawn(move || first.eval::<i64>("import \"slow\"\nslow.x"));
    gate.wait();
    let waits = thread::spawn(move || failure(&second, "import \"slow\""));
    let look = "import runtime\nstr(runtime.threads()).contains(\"for a module\")";
    while !vm.eval::<bool>(look).unwrap() {
        thread::yield_now();
    }
    interrupt.cancel();
    assert_eq!(*waits.join().unwrap().kind(), ErrorKind::Cancelled);
    gate.wait();
    assert_eq!(runs.join().unwrap().unwrap(), 1);
}

#[test]
fn who_waits_for_a_module_is_told_of_its_failure() {
    let texts = Texts::new(&[("slow", "sleep(50ms)\nthrow \"no\"")]);
    let vm = vm_with(&texts);
    let errors: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let session = vm.session();
                scope.spawn(move || failure(&session, "import \"slow\"").to_string())
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(errors.iter().all(|error| error.contains("no")), "{errors:?}");
}

#[test]
fn chains_of_imports_may_be_long() {
    let texts = Texts::new(&[("m0", "let depth = 0")]);
    let count = 2_000;
    for i in 1..=count {
        let below = i - 1;
        texts.set(&format!("m{i}"), &format!("import \"m{below}\" as m\nlet depth = m.depth + 1"));
    }
    let text = format!("import \"m{count}\" as m\nm.depth");
    assert_eq!(vm_with(&texts).eval::<i64>(&text).unwrap(), count);
}

#[test]
fn a_deadlock_in_a_module_is_one_of_its_importers() {
    let texts = Texts::new(&[("stuck", "let x = channel().recv()")]);
    let vm = vm_with(&texts);
    let session = vm.session();
    drop(vm);
    let error = failure(&session, "import \"stuck\"");
    assert_eq!(*error.kind(), ErrorKind::Deadlock);
}

#[test]
fn a_module_may_end_the_program() {
    let texts = Texts::new(&[("ends", "import os\nos.exit(3)")]);
    assert_eq!(vm_with(&texts).run("main", "import \"ends\"\nprint(1)"), 3);
}

/// A directory for one test, and what is in it.
fn directory(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    for (file, text) in files {
        let file = path.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    path
}

#[test]
fn files_are_found_beside_the_text_that_imports_them() {
    let files = [("a/start.lisle", ""), ("a/one.lisle", "let x = 1"), ("one.lisle", "let x = 2")];
    let path = directory("beside", &files);
    let vm = Vm::builder().lwps(2).build().unwrap();
    let start = path.join("a/start.lisle");
    vm.load_named(start.to_str().unwrap(), "import \"./one\"\nimport \"../one\" as two").unwrap();
    assert_eq!(vm.eval::<Vec<i64>>("[one.x, two.x]").unwrap(), [1, 2]);
}

#[cfg(unix)]
#[test]
fn a_file_reached_by_a_link_is_the_same_module() {
    let files = [("real/one.lisle", "import sync\nlet count = sync.atomic()\ncount.add(1)")];
    let path = directory("links", &files);
    std::os::unix::fs::symlink(path.join("real"), path.join("link")).unwrap();
    std::os::unix::fs::symlink(path.join("real/one.lisle"), path.join("again.lisle")).unwrap();
    let vm = Vm::builder().lwps(2).build().unwrap();
    let start = path.join("start.lisle");
    let text = "import \"./real/one\"\nimport \"./link/one\" as two\nimport \"./again\"";
    vm.load_named(start.to_str().unwrap(), text).unwrap();
    let counts = "[one.count.get(), two.count == one.count, again.count == one.count]";
    assert_eq!(vm.eval::<(i64, bool, bool)>(counts).unwrap(), (1, true, true));
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    let path = directory("wrong", &[("dir.lisle/x", ""), ("odd.lisle", "")]);
    fs::write(path.join("odd.lisle"), b"let x = \"\xff\"").unwrap();
    let start = path.join("start.lisle");
    let vm = Vm::builder().lwps(2).build().unwrap();
    let error = |text: &str| vm.load_named(start.to_str().unwrap(), text).unwrap_err();
    for (text, part) in [
        ("import \"./dir\"", "is a directory"),
        ("import \"./odd\"", "is not valid UTF-8 at byte 9"),
        ("import \"./odd.lisle\"", "write `./odd`"),
        ("import \"./\"", "it names no file"),
        ("import \"./add\"", "did you mean `./odd`?"),
    ] {
        let error = error(text).to_string();
        assert!(error.contains(part), "{error}");
    }
}
