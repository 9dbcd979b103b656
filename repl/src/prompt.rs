//! The conversation: read a line, evaluate it, print its value.
//!
//! The line is read on the process's first thread, which runs no script, so that script threads go
//! on while the prompt waits. An error ends the evaluation and not the session; so does Ctrl-C. A
//! stubborn evaluation (one that is stuck in the kernel) makes the third Ctrl-C end the process.

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use lisle::{Session, Value};

use crate::{
    args::Invocation,
    edit::{Line, Reader, Terminal},
    output, run,
};

/// The longest text of a value that is shown in full.
const SHOWN: usize = 4_000;

const HELP: &str = "\
Type an expression or a statement; lines go on while something is unfinished.

  :help        this text
  :help NAME   about a function (print), a type (list), a method (list.push), a module (math),
               a member (math.sqrt), or what you have defined, with its doc comment
  :quit        leave (or Ctrl-D)

Ctrl-C stops an evaluation, or clears the line. Names last for the session:
a later line may define or replace what an earlier function calls.
";

/// Talks until the person leaves; gives the exit status.
pub(crate) fn talk(invocation: &Invocation) -> i32 {
    if invocation.profile.is_some() {
        return run::refuse("`--profile` takes a program to run");
    }
    // The session is the only handle on the VM: what waits for ever while it waits is a deadlock.
    let session = match run::builder(invocation).build() {
        Ok(vm) => vm.session(),
        Err(error) => return run::no_vm(&error),
    };
    let history = run::state_directory().map(|directory| directory.join("history"));
    let mut terminal = match Terminal::new(history) {
        Ok(terminal) => terminal,
        Err(message) => return run::refuse(&format!("cannot use the terminal: {message}")),
    };
    let mut out = output::stdout();
    let _ = writeln!(out, "Lisle {} (:help for help)", env!("CARGO_PKG_VERSION"));
    let presses = Arc::new(AtomicU32::new(0));
    let interrupt = session.interrupt();
    let pressed = Arc::clone(&presses);
    let handler = ctrlc::set_handler(move || {
        interrupt.cancel();
        // Relaxed: a count of key presses orders nothing.
        match pressed.fetch_add(1, Ordering::Relaxed) {
            0 => {}
            1 => eprintln!("(still stopping; once more ends the session)"),
            _ => std::process::exit(130),
        }
    });
    if let Err(error) = handler {
        eprintln!("warning: Ctrl-C will end the session: {error}");
    }
    let status =
        converse(&session, &mut terminal, &mut out, || presses.store(0, Ordering::Relaxed));
    std::mem::forget(session);
    status
}

/// The loop itself. `before` is called before each evaluation.
fn converse(
    session: &Session,
    reader: &mut dyn Reader,
    out: &mut dyn Write,
    before: impl Fn(),
) -> i32 {
    let mut number = 0;
    loop {
        let text = match reader.read() {
            Line::Text(text) => text,
            Line::Cleared => continue,
            Line::End => return 0,
        };
        match text.trim() {
            "" => continue,
            ":quit" | ":q" => return 0,
            ":help" | ":h" => {
                let _ = out.write_all(HELP.as_bytes());
                continue;
            }
            command if let Some(name) = command.strip_prefix(":help ") => {
                let (Ok(about) | Err(about)) = session.vm().help(name.trim());
                let _ = out.write_all(about.as_bytes());
                continue;
            }
            command if command.starts_with(':') => {
                let _ = writeln!(out, "no command `{command}`; :help lists them");
                continue;
            }
            _ => {}
        }
        number += 1;
        before();
        match session.eval_named::<Value>(&format!("<line {number}>"), &text) {
            Ok(value) => {
                session.vm().flush();
                if !value.is_nil() {
                    let _ = writeln!(out, "{}", cut(session.show(&value)));
                }
            }
            Err(error) => {
                if let Some(status) = error.exit_status() {
                    return status;
                }
                session.vm().report(&error);
            }
        }
        let _ = out.flush();
    }
}

/// A text that fits a screen.
fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(SHOWN) {
        let left = text[end..].chars().count();
        text.truncate(end);
        text.push_str(&format!("... ({left} more characters)"));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    struct Typed<'a>(std::slice::Iter<'a, &'a str>);

    impl Reader for Typed<'_> {
        fn read(&mut self) -> Line {
            self.0.next().map_or(Line::End, |text| Line::Text((*text).to_owned()))
        }
    }

    /// Bytes that a VM and the conversation write to, in one order.
    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn conversation(lines: &[&str]) -> (String, i32) {
        let paper = Paper::default();
        let vm = lisle::Vm::builder()
            .lwps(2)
            .stdout(paper.clone())
            .stderr(paper.clone())
            .build()
            .unwrap();
        let session = vm.session();
        drop(vm);
        let mut typed = Typed(lines.iter());
        let status = converse(&session, &mut typed, &mut paper.clone(), || {});
        drop(session);
        let bytes = paper.0.lock().unwrap().clone();
        (String::from_utf8(bytes).unwrap(), status)
    }

    #[test]
    fn values_print_as_literals_and_nil_not_at_all() {
        let (said, status) = conversation(&["1 + 1", "\"a\"", "nil", "[1, \"x\"]", "print(\"a\")"]);
        assert_eq!(said, "2\n\"a\"\n[1, \"x\"]\na\n");
        assert_eq!(status, 0);
    }

    #[test]
    fn names_last_and_errors_do_not_end_the_session() {
        let (said, _) =
            conversation(&["var x = 1", "x += 1", "[][0]", "nonsense(", "x", ":quit", "7"]);
        assert!(said.contains("index"), "{said}");
        assert!(said.ends_with("2\n"), "{said}");
    }

    #[test]
    fn later_lines_replace_what_functions_call() {
        let lines = ["fn f() { 1 }", "fn g() { f() }", "g()", "fn f() { 2 }", "g()"];
        assert_eq!(conversation(&lines).0, "1\n2\n");
    }

    #[test]
    fn threads_go_on_between_lines() {
        let lines =
            ["let ch = channel()", "let t = spawn { ch.recv() + 1 }", "ch.send(41)", "t.join()"];
        let (said, _) = conversation(&lines);
        assert!(said.ends_with("42\n"), "{said}");
    }

    #[test]
    fn a_wait_for_ever_ends_with_an_error() {
        let (said, _) = conversation(&["channel().recv()", "1"]);
        assert!(said.contains("deadlock") && said.ends_with("1\n"), "{said}");
    }

    #[test]
    fn exit_ends_the_session_with_its_status() {
        assert_eq!(conversation(&["import os", "os.exit(3)", "1"]), (String::new(), 3));
    }

    #[test]
    fn commands_answer() {
        let (said, _) = conversation(&[":help", ":help math.sqrt", ":bogus"]);
        assert!(said.contains("The square root"), "{said}");
        assert!(said.contains(":quit") && said.contains("no command `:bogus`"), "{said}");
    }

    #[test]
    fn help_knows_what_was_defined() {
        let (said, _) = conversation(&[
            "## Multiplies.\nfn area(w, h = w) { w * h }",
            "## A point.\nstruct Point {\n  x\n  ## Moves it.\n  fn move(mut self, d) { self.x += d }\n}",
            ":help area",
            ":help Point",
            ":help Point.move",
            ":help list",
            ":help list.push",
            ":help pusch",
        ]);
        for expected in [
            "area(w, h = ...)\n    Multiplies.\n",
            "Point(x)\n    A point.\n  move(d)",
            "Point.move(d)\n    Moves it.\n    It changes its receiver",
            "  .push(value)",
            "list.push(value)\n    Adds an element at the end.\n",
            "nothing is known about `pusch`",
        ] {
            assert!(said.contains(expected), "{expected:?} in {said}");
        }
    }

    #[test]
    fn a_doc_comment_waits_for_its_declaration() {
        assert!(lisle::is_incomplete("## Adds."));
        assert!(!lisle::is_incomplete("## Adds.\n"));
        assert!(!lisle::is_incomplete("## Adds.\nfn f() { 1 }"));
    }

    #[test]
    fn files_are_imported_from_the_current_directory() {
        // The tests of this crate run in its directory.
        let lines = ["import \"./tests/helper\"", "helper.twice(21)", "helper.twise(1)"];
        let (said, _) = conversation(&lines);
        assert!(said.starts_with("42\n"), "{said}");
        assert!(said.contains("tests/helper.lisle") && said.contains("`twice`"), "{said}");
    }

    #[test]
    fn long_values_are_cut() {
        let (said, _) = conversation(&["\"x\" * 100000"]);
        assert!(said.len() < 2 * SHOWN && said.contains("more characters"), "{}", said.len());
    }
}
