//! The outputs and the input of a VM, as natives of the host see them.

use std::{fmt, io, sync::Arc};

use super::{Reply, ReplyKind, guarded};
use crate::{
    convert::IntoValue,
    input::{self, Wanted},
    native::{Call, Next},
    vm::VmShared,
};

/// An output of the VM.
#[derive(Clone)]
pub struct Stream {
    vm: Arc<VmShared>,
    which: Which,
}

#[derive(Clone, Copy)]
enum Which {
    Stdout,
    Stderr,
}

impl Stream {
    /// The standard output of a VM.
    pub(super) fn stdout(vm: &Arc<VmShared>) -> Self {
        Self { vm: vm.clone(), which: Which::Stdout }
    }

    /// Its standard error.
    pub(super) fn stderr(vm: &Arc<VmShared>) -> Self {
        Self { vm: vm.clone(), which: Which::Stderr }
    }

    fn output(&self) -> &crate::output::Output {
        match self.which {
            Which::Stdout => &self.vm.stdout,
            Which::Stderr => &self.vm.stderr,
        }
    }

    /// Adds to the buffer, without waiting. True when it is time to [flush](Self::flush).
    #[must_use]
    pub fn append(&self, text: &str) -> bool {
        self.output().append(text.as_bytes())
    }

    /// Writes out what is in the buffer, which may wait.
    pub fn flush(&self) -> io::Result<()> {
        self.output().flush()
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.output().fmt(f)
    }
}

/// The input of the VM. Whoever reads waits without holding a kernel thread if the input is the
/// process's own, and a pipe or a terminal. What was printed is written out before.
#[derive(Clone)]
pub struct Stdin {
    vm: Arc<VmShared>,
}

impl Stdin {
    /// The input of a VM.
    pub(super) fn new(vm: &Arc<VmShared>) -> Self {
        Self { vm: vm.clone() }
    }

    /// The next line without its end; nil when there is none.
    pub fn read_line(&self) -> Reply {
        self.read(Wanted::Line)
    }

    /// At most `limit` bytes of what is there, whole characters; empty at the end.
    pub fn read_some(&self, limit: usize) -> Reply {
        self.read(Wanted::Some(limit))
    }

    /// All that is left.
    pub fn read_all(&self) -> Reply {
        self.read(Wanted::All)
    }

    fn read(&self, wanted: Wanted) -> Reply {
        let then = |_: &mut Call<'_>, read: io::Result<Option<String>>| {
            let value = guarded(|| read?.into_value())?;
            Ok(Next::Return(value.into_owned()))
        };
        Reply(ReplyKind::Going(input::read(wanted, then)))
    }
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.vm.stdin.fmt(f)
    }
}
