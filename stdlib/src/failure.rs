//! Errors of calls on sockets, pipes and processes: what failed, on what, why, and the mend.

use std::io;

use lisle_vm::{Error, ErrorKind, reason};

/// `doing: the system's reason; the mend`.
pub(crate) fn failed(doing: &str, error: &io::Error) -> Error {
    match mend(error) {
        Some(mend) => failed_with(doing, error, mend),
        None => Error::new(ErrorKind::Io, format!("{doing}: {}", reason(error))),
    }
}

/// The same where the caller knows the mend.
pub(crate) fn failed_with(doing: &str, error: &io::Error, mend: &str) -> Error {
    Error::new(ErrorKind::Io, format!("{doing}: {}; {mend}", reason(error)))
}

/// Something was not done in the time it was given.
pub(crate) fn timed_out(doing: &str) -> Error {
    Error::new(ErrorKind::Timeout, format!("{doing}: the time is up"))
}

/// Something was closed before, or while somebody waited.
pub(crate) fn closed(what: &str) -> Error {
    Error::new(ErrorKind::Closed, format!("{what} is closed"))
}

/// What can be done about errors that any of these calls may give.
fn mend(error: &io::Error) -> Option<&'static str> {
    use rustix::io::Errno;
    match Errno::from_io_error(error)? {
        Errno::MFILE => Some(
            "this process has too many files open: close some, or raise the limit (`ulimit -n`)",
        ),
        Errno::NFILE => Some("the system has too many files open"),
        Errno::PIPE => Some("nobody reads at the other end any more"),
        Errno::CONNRESET => Some("the other side has gone without reading everything"),
        _ => None,
    }
}
