//! Where a VM's input comes from, and how user threads wait for it.
//!
//! The process's own input, when that is a pipe or a terminal, is opened anew in non-blocking mode
//! (the flag belongs to the opening, which is shared with other processes, and must not change under
//! them), so that threads which wait for it are parked. A file always is ready, and a host's reader
//! knows no better than to block: these are read in blocking calls.
//!
//! Readers take turns: a line goes to one of them whole. What is read and not yet taken stays in one
//! buffer, also when the one who read it has gone.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::sync::{Arc, OnceLock};

use crate::{
    atomics::Mutex,
    native::{Call, Finish, NativeResult, Next},
    sched::{Handoff, Interest},
    vm::VmShared,
    watch::{Going, Poller, Waited, Watched},
};

/// How much is read at once.
const PIECE: usize = 8 * 1024;

/// The process's input.
const STDIN: &str = "/proc/self/fd/0";

/// A shared input.
pub(crate) struct Input {
    state: Mutex<State>,
    /// What is watched, when that can be. Set at the first wait.
    watched: OnceLock<Option<Watched<File>>>,
}

struct State {
    reader: Box<dyn Read + Send>,
    /// The reader is the process's input.
    of_process: bool,
    /// Bytes read, and from `start` on not taken.
    buffer: Vec<u8>,
    start: usize,
    /// How many of those not taken are known to hold no line end.
    scanned: usize,
}

/// What to take of an input.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted {
    /// The next line without its `\n` or `\r\n`; nothing at the end.
    Line,
    /// At most so many bytes that are there, cut where a character ends; empty at the end.
    Some(usize),
    /// All that is left.
    All,
}

impl Input {
    /// The process's input.
    pub(crate) fn of_process() -> Self {
        Self::with(Box::new(io::stdin()), true)
    }

    fn with(reader: Box<dyn Read + Send>, of_process: bool) -> Self {
        let state = State { reader, of_process, buffer: Vec::new(), start: 0, scanned: 0 };
        Self { state: Mutex::new(state), watched: OnceLock::new() }
    }

    /// What is read from now on comes from another reader. Before anything has been read.
    pub(crate) fn redirect(&self, reader: Box<dyn Read + Send>) {
        let mut state = self.state.lock();
        (state.reader, state.of_process) = (reader, false);
    }

    /// Takes something, whole or not at all: a reader that would block leaves what it has read for the
    /// next attempt. Bytes that are not UTF-8 are an error.
    pub(crate) fn take(&self, wanted: Wanted) -> io::Result<Option<String>> {
        self.state.lock().take(wanted)
    }

    /// As [`Input::take`]; says too whether more is in the buffer now than before.
    fn attempt(&self, wanted: Wanted) -> (io::Result<Option<String>>, bool) {
        let mut state = self.state.lock();
        let before = state.there().len();
        let taken = state.take(wanted);
        let grown = state.there().len() > before;
        (taken, grown)
    }

    /// What to wait for, when there is something that can be waited for.
    fn watched(&self, vm: &Arc<VmShared>) -> Option<Watched<File>> {
        let find = || {
            let mut state = self.state.lock();
            if !state.of_process {
                return None;
            }
            let kind = std::fs::metadata(STDIN).ok()?.file_type();
            // Anything else would begin anew when it is opened anew.
            if !kind.is_fifo() && !kind.is_char_device() {
                return None;
            }
            let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
            let file = OpenOptions::new().read(true).custom_flags(flags).open(STDIN).ok()?;
            let reader = file.try_clone().ok()?;
            let watched = Poller::new(vm).watch(file).ok()?;
            state.reader = Box::new(reader);
            Some(watched)
        };
        self.watched.get_or_init(find).clone()
    }
}

/// Takes something of the VM's input as soon as it is there. What was printed is seen before.
pub(crate) fn read(
    wanted: Wanted,
    then: impl FnOnce(&mut Call<'_>, io::Result<Option<String>>) -> NativeResult + Send + 'static,
) -> Box<dyn Going> {
    Box::new(Reading { wanted, then })
}

struct Reading<F> {
    wanted: Wanted,
    then: F,
}

impl<F> Going for Reading<F>
where
    F: FnOnce(&mut Call<'_>, io::Result<Option<String>>) -> NativeResult + Send + 'static,
{
    fn go(self: Box<Self>, call: &mut Call<'_>) -> NativeResult {
        if call.vm().stdout.is_flushed() {
            return self.go_on(call);
        }
        let vm = call.vm().clone();
        let work = move || -> Finish {
            let flushed = vm.stdout.flush();
            Box::new(move |call| match call.vm().written(flushed) {
                Ok(()) => self.go_on(call),
                Err(error) => (self.then)(call, Err(error)),
            })
        };
        Ok(Next::Block(Handoff::Lazy, Box::new(work)))
    }
}

impl<F> Reading<F>
where
    F: FnOnce(&mut Call<'_>, io::Result<Option<String>>) -> NativeResult + Send + 'static,
{
    fn go_on(self, call: &mut Call<'_>) -> NativeResult {
        let (wanted, then) = (self.wanted, self.then);
        let vm = call.vm().clone();
        if let Some(watched) = vm.stdin.watched(&vm) {
            let others = watched.clone();
            let attempt = move |_: &File| {
                let (taken, grown) = vm.stdin.attempt(wanted);
                if taken.is_err() && grown {
                    // Who wants less may have enough now.
                    others.changed(Interest::Read);
                }
                taken
            };
            let then = |call: &mut Call<'_>, waited| match waited {
                Waited::Done(read) => then(call, read),
                Waited::TimedOut | Waited::Closed => unreachable!("nobody limits it or closes it"),
            };
            return watched.attempts(Interest::Read, None, attempt, then).go(call);
        }
        let work = move || -> Finish {
            let read = vm.stdin.take(wanted);
            Box::new(move |call| then(call, read))
        };
        Ok(Next::Block(Handoff::Eager, Box::new(work)))
    }
}

impl State {
    /// What is read and not taken.
    fn there(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    fn take(&mut self, wanted: Wanted) -> io::Result<Option<String>> {
        match wanted {
            Wanted::Line => loop {
                let from = self.scanned;
                if let Some(end) = self.there()[from..].iter().position(|&byte| byte == b'\n') {
                    return self.cut(from + end + 1).map(|line| Some(without_end(line)));
                }
                self.scanned = self.there().len();
                if self.fill()? == 0 {
                    let rest = self.there().len();
                    return if rest == 0 { Ok(None) } else { self.cut(rest).map(Some) };
                }
            },
            Wanted::Some(limit) => {
                if self.there().is_empty() {
                    self.fill()?;
                }
                let mut end = limit.max(1).min(self.there().len());
                // The rest of a character that was cut.
                while let Err(error) = std::str::from_utf8(&self.there()[..end])
                    && error.error_len().is_none()
                    && (end < self.there().len() || self.fill()? != 0)
                {
                    end += 1;
                }
                self.cut(end).map(Some)
            }
            Wanted::All => {
                while self.fill()? != 0 {}
                self.cut(self.there().len()).map(Some)
            }
        }
    }

    /// Reads a piece; 0 at the end.
    fn fill(&mut self) -> io::Result<usize> {
        // Moved to the front when at least half of it is taken: each byte once, on the average.
        if self.start * 2 >= self.buffer.len() {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        let old = self.buffer.len();
        self.buffer.resize(old + PIECE, 0);
        let read = loop {
            match self.reader.read(&mut self.buffer[old..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.buffer.truncate(old + read.as_ref().copied().unwrap_or(0));
        read
    }

    /// Takes the first `end` bytes.
    fn cut(&mut self, end: usize) -> io::Result<String> {
        self.scanned = 0;
        let bytes = self.there()[..end].to_vec();
        self.start += end;
        String::from_utf8(bytes)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the input is not valid UTF-8"))
    }
}

fn without_end(mut line: String) -> String {
    line.pop();
    if line.ends_with('\r') {
        line.pop();
    }
    line
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::io::{self, Read};

    use super::{Input, Wanted};

    fn input(bytes: &'static [u8]) -> Input {
        Input::with(Box::new(bytes), false)
    }

    #[test]
    fn lines_lose_their_ends() {
        let input = input("one\r\n\ntwö".as_bytes());
        let lines: Vec<_> =
            std::iter::from_fn(|| input.take(Wanted::Line).expect("it is text")).collect();
        assert_eq!(lines, ["one", "", "twö"]);
    }

    #[test]
    fn pieces_hold_whole_characters() {
        let input = input("aäb".as_bytes());
        for (limit, expected) in [(2, "aä"), (9, "b"), (9, "")] {
            assert_eq!(input.take(Wanted::Some(limit)).unwrap().as_deref(), Some(expected));
        }
    }

    #[test]
    fn bad_bytes_are_an_error() {
        assert!(input(b"a\xff\n").take(Wanted::Line).is_err());
        assert!(input(b"\xc3").take(Wanted::Some(1)).is_err());
        assert!(input(b"\xff").take(Wanted::All).is_err());
    }

    /// Gives one byte at a time, and says in between that it would block.
    struct Slow(&'static [u8], bool);

    impl Read for Slow {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.0.read(&mut to[..1])
        }
    }

    #[test]
    fn what_was_read_before_it_would_block_is_kept() {
        let input = Input::with(Box::new(Slow("eins\nzwölf\nrest".as_bytes(), false)), false);
        let taken = |wanted| {
            loop {
                match input.take(wanted) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    taken => return taken.unwrap(),
                }
            }
        };
        assert_eq!(taken(Wanted::Line).as_deref(), Some("eins"));
        assert_eq!(taken(Wanted::Some(3)).as_deref(), Some("z"));
        assert_eq!(taken(Wanted::Line).as_deref(), Some("wölf"));
        assert_eq!(taken(Wanted::All).as_deref(), Some("rest"));
        assert_eq!(taken(Wanted::Line), None);
    }
}
