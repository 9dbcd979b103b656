//! The embedding API: a VM in the hands of a Rust host.
//!
//! ```
//! use lisle_vm::Vm;
//!
//! # fn main() -> Result<(), lisle_vm::Error> {
//! let vm = Vm::builder().function("shout(text)", |text: &str| text.to_uppercase()).build()?;
//! vm.load("fn greet(name) { shout(\"hello {name}\") }")?;
//! let text: String = vm.call("greet", ("world",))?;
//! assert_eq!(text, "HELLO WORLD");
//! # Ok(())
//! # }
//! ```
//!
//! Scripts never run on the host's kernel threads. A call compiles where the host is, starts a user
//! thread on the VM's LWPs, and waits for it; any number of host threads may do so at once. Threads
//! that a script has spawned go on when the call returns.
//!
//! # Ends
//!
//! The last handle on a VM ends it: user threads that still live are stopped where they stand,
//! kernel threads are joined. That waits for natives that are inside the kernel.
//!
//! # Deadlock
//!
//! When all threads wait for each other, a call of the host that waits for them is given an error
//! of kind `deadlock`. Another host thread may be what they are waiting for: so this is only done
//! when every handle on the VM (each clone of a [`Vm`], each [`Session`]) has a call waiting, and
//! no [`Guard`] exists. Whoever shares one handle among kernel threads takes a guard.

mod builder;
mod check;
mod help;
mod host;
mod late;
mod library;
mod load;
mod session;

use std::{fmt, sync::Arc};

pub use builder::VmBuilder;
pub use check::{Checked, diagnostic_codes};
pub use host::Guard;
pub use library::{Entry, Library, Module, Section};
pub use load::Loader;
pub use session::{Interrupt, Session, is_incomplete};

use crate::{
    convert::{Arguments, FromValue, Value},
    error::{Color, Error, ErrorKind},
    profile::{Profile, Profiler},
};
use host::Host;
use session::Names;

/// The name of a text that the host gave no name.
const EVAL: &str = "<eval>";

/// A virtual machine. Clones are handles on the same one.
#[derive(Clone)]
pub struct Vm {
    host: Host,
    /// The names that `load` and `eval` define.
    names: Arc<Names>,
}

impl Vm {
    /// A VM to be configured. It has the built-in functions, and no modules: those of the standard
    /// library come with the `lisle` crate.
    pub fn builder() -> VmBuilder {
        VmBuilder::new()
    }

    /// As [`builder`](Self::builder), for a host's own type around a VM.
    pub fn builder_of<V: From<Self>>() -> VmBuilder<V> {
        VmBuilder::new()
    }

    /// Evaluates a text; gives the value of its last expression. Its top-level names stay, as
    /// those of [`load`](Self::load) do.
    ///
    /// Evaluations that use the same names take turns; calls do not.
    pub fn eval<T: FromValue>(&self, source: &str) -> Result<T, Error> {
        self.names.eval(&self.host, EVAL, source)?.to()
    }

    /// Runs the top level of a text, and keeps its names for [`call`](Self::call) and later texts.
    pub fn load(&self, source: &str) -> Result<(), Error> {
        self.load_named(EVAL, source)
    }

    /// As [`load`](Self::load), with a name for messages.
    pub fn load_named(&self, name: &str, source: &str) -> Result<(), Error> {
        self.names.eval(&self.host, name, source).map(drop)
    }

    /// Calls a function that a text defined.
    pub fn call<T: FromValue>(&self, name: &str, arguments: impl Arguments) -> Result<T, Error> {
        let function = self.names.named(&self.host, name)?;
        self.host.call(&function, arguments)?.to()
    }

    /// Calls a function that is a value.
    pub fn call_value<T: FromValue>(
        &self,
        function: &Value,
        arguments: impl Arguments,
    ) -> Result<T, Error> {
        self.host.call(function, arguments)?.to()
    }

    /// The value of a top-level name.
    pub fn global<T: FromValue>(&self, name: &str) -> Result<T, Error> {
        self.names.named(&self.host, name)?.to()
    }

    /// Runs a program: its top-level code and all threads that come of it. What goes wrong is
    /// reported on the VM's standard error.
    ///
    /// Gives the exit status: what the program said with `os.exit`; else 2 when its text is wrong,
    /// 1 when an error was not caught, 0 when all is well.
    pub fn run(&self, name: &str, source: impl AsRef<[u8]>) -> i32 {
        host::run(&self.host, name, source.as_ref())
    }

    /// Says what is wrong with a program, and with the modules it imports, without running it.
    pub fn check(&self, name: &str, source: impl AsRef<[u8]>) -> Checked {
        check::check(&self.host, name, source.as_ref())
    }

    /// Names of their own, for texts that come one after the other: see [`Session`].
    pub fn session(&self) -> Session {
        Session::new(self.clone())
    }

    /// As long as the guard lives, threads that wait are no deadlock: the host may wake them.
    pub fn guard(&self) -> Guard {
        self.host.guard()
    }

    /// What there is to say about a function (`print`), a type (`list`), a method (`list.push`), a
    /// module (`math`), a member (`math.sqrt`), or a name that a text has defined. The error says
    /// that there is nothing, and which name may be meant.
    pub fn help(&self, name: &str) -> Result<String, String> {
        help::about(&self.host, &self.names, name)
    }

    /// All that is built in, with the lines that [`help`](Self::help) shows.
    pub fn library(&self) -> Library {
        self.host.need_all();
        library::library(self.host.shared(), &self.host.docs())
    }

    /// Asks all threads to stop, without waiting for them.
    pub fn cancel(&self) {
        self.host.cancel_all();
    }

    /// Writes out what is in the buffers of the VM's outputs. That it cannot be written is nobody's
    /// business here.
    pub fn flush(&self) {
        self.host.flush();
    }

    /// Writes the report of an error to the VM's standard error.
    pub fn report(&self, error: &Error) {
        self.host.report(error);
    }

    /// What the VM's threads have spent their time on so far; empty unless it was
    /// [asked for](VmBuilder::profile).
    pub fn profile(&self) -> Profile {
        self.host.shared().profiler.get().map(Profiler::profile).unwrap_or_default()
    }

    /// Bytes that the values of all scripts take, but for up to 16 KiB of each thread.
    pub fn memory_used(&self) -> u64 {
        self.host.shared().heap.total()
    }
}

impl fmt::Debug for Vm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vm").finish_non_exhaustive()
    }
}

/// What a text that is not UTF-8 gives.
fn not_utf8(name: &str, bytes: &[u8], error: std::str::Utf8Error) -> Error {
    use lisle_compiler::{
        diagnostics::{Code, Diagnostic},
        source::{Source, Span},
    };
    let at = error.valid_up_to();
    let source = Source::new(name, String::from_utf8_lossy(bytes));
    let span = Span::new(at, at + char::REPLACEMENT_CHARACTER.len_utf8());
    let message = format!("the text is not valid UTF-8: byte 0x{:02x} here", bytes[at]);
    Error::from_diagnostics(source, vec![Diagnostic::error(Code::BadCharacter, span, message)])
}

/// What a VM says that is asked for more after `os.exit`.
fn ended(status: i32) -> Error {
    Error::new(ErrorKind::Exit(status), "the program has ended")
}

/// `Color::Terminal` when `yes`.
fn color(yes: bool) -> Color {
    if yes { Color::Terminal } else { Color::Plain }
}
