//! The output streams of the process.
//!
//! Standard output keeps a buffer, unless a person is watching; the VM flushes it at the end and
//! before it reads from a terminal. A reader that has gone away (`lisle x | head -1`) ends the
//! process at once and without a word, as the kernel's signal ends a C program: the status is what
//! a shell shows for that signal.

use std::{
    fs::File,
    io::{self, BufWriter, ErrorKind, IsTerminal, LineWriter, Write},
    os::fd::AsFd,
    process,
};

/// 128 + SIGPIPE.
const READER_GONE: i32 = 141;

/// Standard output, for the VM.
pub(crate) fn stdout() -> impl Write + Send + 'static {
    let stdout = io::stdout();
    // A descriptor of our own, since the standard library flushes at every line even into a file.
    let inner: Box<dyn Write + Send> = match stdout.as_fd().try_clone_to_owned() {
        Ok(fd) if stdout.is_terminal() => Box::new(LineWriter::new(Pipe(File::from(fd)))),
        Ok(fd) => Box::new(BufWriter::with_capacity(64 << 10, Pipe(File::from(fd)))),
        // Closed from the start: what is written goes nowhere.
        Err(_) => Box::new(io::sink()),
    };
    inner
}

/// Standard error, for the VM: every write goes out at once.
pub(crate) fn stderr() -> impl Write + Send + 'static {
    Pipe(io::stderr())
}

/// True when messages on standard error may be coloured.
pub(crate) fn color() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal()
        && !set("NO_COLOR")
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// A stream whose reader may go away.
struct Pipe<W>(W);

impl<W: Write> Write for Pipe<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        quiet_end(self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        quiet_end(self.0.flush())
    }
}

fn quiet_end<T>(result: io::Result<T>) -> io::Result<T> {
    if let Err(error) = &result
        && error.kind() == ErrorKind::BrokenPipe
    {
        process::exit(READER_GONE)
    }
    result
}
