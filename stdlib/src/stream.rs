//! Streams of bytes: what the connections of `net` and the pipes of `process` have in common.
//!
//! A stream is a descriptor that the VM watches, so that waiting holds no LWP; bytes that were read
//! ahead; and a turn, for writers.
//!
//! # Reading
//!
//! 1. A read *tries* under the lock of the buffer: it takes what it wants, and as long as that is
//!    not there it reads from the descriptor, until the kernel has no more.
//! 2. It waits without the lock, and with nothing in its hands: what has come so far is in the
//!    buffer. So a read that runs out of time or is cancelled loses nothing.
//! 3. A try that has emptied a TCP socket keeps what the kernel had told of it before; while that is
//!    told still, tries read no more in vain (see `Watched::told`).
//! 4. A try that has read something and could not use it tells the other readers, who may want
//!    less; the kernel will not, since to it those bytes are gone. So threads that read one stream
//!    take turns by whole lines, or by whole pieces of `read_exact`.
//!
//! # Writing
//!
//! 1. A write for which nobody waits writes at once, under the lock of the queue. What the kernel does
//!    not take of its data goes to the end of the queue; so do those of all others.
//! 2. Any writer's try, under the lock of the queue, writes from its front, whosever data that are,
//!    until the kernel takes no more. So the data of two writers do not mix, and the queue moves
//!    whichever of them the kernel's news come to.
//! 3. A try that has finished the data of others tells them.
//! 4. A write that runs out of time or is cancelled takes what is left of its data out: it may have
//!    written a part.
//!
//! Reading and writing know nothing of each other, so two threads may do both at once.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind as Io},
    mem::{self, MaybeUninit},
    os::fd::OwnedFd,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lisle_vm::{
    Bytes, Context, Error, ErrorKind, HostObject, HostType, Interest, IntoValue, Local, Object,
    Reply, Told, Waited, Watched,
};
use rustix::{
    io::{Errno, retry_on_intr},
    net::SendFlags,
};

use crate::{
    arguments::{DataRef, Limit},
    failure::{closed, failed, timed_out},
};

/// How much is read at once, as long as it is not all that there is.
const FIRST_PIECE: usize = 4 * 1024;

/// How much is read at once after that: what is not used of the kernel thread's stack is touched all
/// the same, a page at a time.
const PIECE: usize = 32 * 1024;

/// A buffer that is larger than this is not kept when it is empty: most connections are idle.
const KEPT: usize = 2 * PIECE;

/// No line is longer: who sends more without a line end wants to fill the memory.
const LONGEST_LINE: usize = 64 * 1024 * 1024;

/// Writes to a descriptor: a pipe wants another call than a socket.
type Write = fn(&OwnedFd, &[u8]) -> rustix::io::Result<usize>;

/// A stream of bytes.
pub(crate) struct Stream {
    /// How messages call it.
    name: String,
    watched: Watched<OwnedFd>,
    write: Write,
    /// A read that gets less than it has room for has emptied the descriptor: a TCP socket. (Others end
    /// a read where a message ends.)
    runs_dry: bool,
    incoming: Mutex<Incoming>,
    outgoing: Mutex<Outgoing>,
}

/// What has been read from the descriptor and not from the stream.
#[derive(Default)]
struct Incoming {
    buffer: Vec<u8>,
    /// What lies before is used up.
    start: usize,
    /// How many of the bytes there are known to hold no line end, so that a long line is not
    /// looked through again with every piece of it.
    scanned: usize,
    /// How many bytes of the stream were taken before `buffer[start]`.
    at: u64,
    /// The last read filled its piece.
    flows: bool,
    /// What the kernel had told before the last read, which has emptied the descriptor.
    emptied: Option<Told>,
    /// How many reads are going on.
    readers: usize,
}

/// What is to be written, in its order.
#[derive(Default)]
struct Outgoing {
    queue: VecDeque<Segment>,
    /// The number of the next write.
    next: u64,
}

/// What is left of one write.
struct Segment {
    number: u64,
    data: Vec<u8>,
    written: usize,
}

/// What a read wants.
#[derive(Clone, Copy)]
enum Want {
    /// Something, but not more than this.
    Some(usize),
    /// So many bytes.
    Exactly(usize),
    /// All to the end.
    All,
    /// A line, without its end.
    Line,
}

/// What a read gets.
enum Found {
    /// This, which started so far into the stream.
    Bytes(Vec<u8>, u64),
    /// The stream has ended.
    End,
    /// It ended with so many bytes, which are less than were wanted.
    Short(usize),
    /// A line without an end in sight.
    Endless,
}

impl Stream {
    /// A stream over a socket, of TCP or another.
    pub(crate) fn socket(watched: Watched<OwnedFd>, name: String, tcp: bool) -> Self {
        /// Never a signal, whatever the host has set up.
        const FLAGS: SendFlags = SendFlags::NOSIGNAL;
        let write: Write = |fd, data| retry_on_intr(|| rustix::net::send(fd, data, FLAGS));
        Self { runs_dry: tcp, ..Self::new(watched, name, write) }
    }

    /// A stream over one end of a pipe.
    pub(crate) fn pipe(watched: Watched<OwnedFd>, name: String) -> Self {
        Self::new(watched, name, |fd, data| retry_on_intr(|| rustix::io::write(fd, data)))
    }

    fn new(watched: Watched<OwnedFd>, name: String, write: Write) -> Self {
        let (incoming, outgoing) = (Mutex::default(), Mutex::default());
        Self { name, watched, write, runs_dry: false, incoming, outgoing }
    }

    /// How messages call it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Does something with the descriptor, unless it is closed.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&OwnedFd) -> R) -> Result<R, Error> {
        self.watched.with(f).ok_or_else(|| closed(&self.name))
    }

    /// Closes it: whoever waits for it gets an error.
    pub(crate) fn close(&self) {
        self.watched.close();
        self.incoming().clear();
    }

    /// Has something been read ahead that nobody has taken?
    pub(crate) fn has_read_ahead(&self) -> bool {
        !self.incoming().there().is_empty()
    }

    fn incoming(&self) -> MutexGuard<'_, Incoming> {
        lock(&self.incoming)
    }

    fn read(
        self: &Arc<Self>,
        want: Want,
        limit: Option<Duration>,
        then: impl FnOnce(&Self, Found) -> Result<Local, Error> + Send + 'static,
    ) -> Reply {
        let (reading, stream) = (Reading::begin(self), self.clone());
        let may_trust = self.runs_dry && limit.is_none();
        Reply::io(
            &self.watched,
            Interest::Read,
            limit,
            move |fd| reading.attempt(want, fd, may_trust),
            move |waited| {
                let doing = || format!("read from {}", stream.name);
                match waited {
                    Waited::Done(Ok(found)) => Reply::now(then(&stream, found)?),
                    Waited::Done(Err(error)) => Err(failed(&doing(), &error)),
                    Waited::TimedOut => Err(timed_out(&doing())),
                    Waited::Closed => Err(closed(&stream.name)),
                }
            },
        )
    }

    fn write(self: &Arc<Self>, data: &[u8], limit: Option<Duration>) -> Result<Reply, Error> {
        let length = data.len();
        let mut outgoing = lock(&self.outgoing);
        let written = if outgoing.queue.is_empty() { self.write_now(data)? } else { 0 };
        if written == length {
            return Reply::now(());
        }
        let writing = Writing::begin(self, &mut outgoing, data.into(), written);
        drop(outgoing);
        let (stream, written) = (self.clone(), writing.written.clone());
        Ok(Reply::io(
            &self.watched,
            Interest::Write,
            limit,
            move |fd| writing.attempt(fd),
            move |waited| {
                let doing = || stream.writing(*lock(&written), length);
                match waited {
                    Waited::Done(Ok(())) => Reply::now(()),
                    Waited::Done(Err(error)) => Err(failed(&doing(), &error)),
                    Waited::TimedOut => Err(timed_out(&doing())),
                    Waited::Closed => Err(closed(&stream.name)),
                }
            },
        ))
    }

    /// Writes what goes without waiting, when nobody waits to write; gives how much that is.
    fn write_now(&self, data: &[u8]) -> Result<usize, Error> {
        let write = |fd: &OwnedFd| if data.is_empty() { Ok(0) } else { (self.write)(fd, data) };
        match self.with(write)? {
            Ok(written) => Ok(written),
            Err(Errno::AGAIN) => Ok(0),
            Err(error) => Err(failed(&self.writing(0, data.len()), &error.into())),
        }
    }

    /// What a write does, for messages.
    fn writing(&self, written: usize, length: usize) -> String {
        match written {
            0 => format!("write to {}", self.name),
            written => format!("write to {}, after {written} of {length} bytes", self.name),
        }
    }
}

/// A read that is going on.
struct Reading(Arc<Stream>);

impl Reading {
    fn begin(stream: &Arc<Stream>) -> Self {
        stream.incoming().readers += 1;
        Self(stream.clone())
    }

    fn attempt(&self, want: Want, fd: &OwnedFd, may_trust: bool) -> io::Result<Found> {
        // Before anything is read.
        let told = if may_trust { self.0.watched.told(Interest::Read) } else { None };
        let mut incoming = self.0.incoming();
        let before = incoming.there().len();
        let found = incoming.find(want, fd, told);
        let news = found.is_err() && incoming.there().len() > before && incoming.readers > 1;
        drop(incoming);
        if news {
            self.0.watched.changed(Interest::Read);
        }
        found
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.incoming().readers -= 1;
    }
}

impl Incoming {
    /// Nobody will read what is there.
    fn clear(&mut self) {
        self.buffer = Vec::new();
        self.start = 0;
        self.scanned = 0;
    }

    fn there(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Finds what is wanted, in the buffer or by reading.
    fn find(&mut self, want: Want, fd: &OwnedFd, told: Option<Told>) -> io::Result<Found> {
        loop {
            if let Some(found) = self.look(want) {
                return Ok(found);
            }
            if told.is_some() && self.emptied == told {
                return Err(Io::WouldBlock.into());
            }
            let more = if self.flows {
                self.fill::<PIECE>(fd, told)?
            } else {
                self.fill::<FIRST_PIECE>(fd, told)?
            };
            if !more {
                return Ok(self.last(want));
            }
        }
    }

    /// What is wanted, if it is in the buffer.
    fn look(&mut self, want: Want) -> Option<Found> {
        let there = self.there().len();
        match want {
            Want::Some(0) | Want::Exactly(0) => Some(Found::Bytes(Vec::new(), self.at)),
            Want::Some(most) => (there > 0).then(|| self.take(there.min(most))),
            Want::Exactly(count) => (there >= count).then(|| self.take(count)),
            Want::All => None,
            Want::Line => self.line(),
        }
    }

    /// What is wanted, or what comes next to it, when no more bytes come.
    fn last(&mut self, want: Want) -> Found {
        match (want, self.there().len()) {
            (Want::All, there) => self.take(there),
            (_, 0) => Found::End,
            (Want::Exactly(_), there) => Found::Short(there),
            (Want::Some(_) | Want::Line, there) => self.take(there),
        }
    }

    fn line(&mut self) -> Option<Found> {
        let known = self.scanned;
        let end = self.there()[known..].iter().position(|&byte| byte == b'\n');
        match end.map(|end| known + end) {
            Some(end) if end <= LONGEST_LINE => {
                let Found::Bytes(mut line, at) = self.take(end + 1) else { return None };
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                Some(Found::Bytes(line, at))
            }
            None if self.there().len() <= LONGEST_LINE => {
                self.scanned = self.there().len();
                None
            }
            Some(_) | None => Some(Found::Endless),
        }
    }

    fn take(&mut self, count: usize) -> Found {
        let at = self.at;
        self.at += count as u64;
        self.scanned = 0;
        let bytes = if self.start == 0 && count == self.buffer.len() {
            mem::take(&mut self.buffer)
        } else {
            self.buffer[self.start..self.start + count].to_vec()
        };
        self.start += count;
        if self.start >= self.buffer.len() {
            self.start = 0;
            self.buffer.clear();
            self.buffer.shrink_to(KEPT);
        }
        Found::Bytes(bytes, at)
    }

    /// Reads ahead; false at the end of the stream. Not inline: the larger piece has a frame of its own.
    #[inline(never)]
    fn fill<const SIZE: usize>(&mut self, fd: &OwnedFd, told: Option<Told>) -> io::Result<bool> {
        let mut piece = [MaybeUninit::uninit(); SIZE];
        let (read, _) = rustix::io::read(fd, &mut piece[..])?;
        self.flows = read.len() == SIZE;
        self.emptied = if self.flows || read.is_empty() { None } else { told };
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.extend_from_slice(read);
        Ok(!read.is_empty())
    }
}

/// A write that is going on.
struct Writing {
    stream: Arc<Stream>,
    number: u64,
    /// How many of its bytes were written, for messages.
    written: Arc<Mutex<usize>>,
}

impl Writing {
    fn begin(stream: &Arc<Stream>, outgoing: &mut Outgoing, data: Vec<u8>, written: usize) -> Self {
        let number = outgoing.next;
        outgoing.next += 1;
        outgoing.queue.push_back(Segment { number, data, written });
        Self { stream: stream.clone(), number, written: Arc::new(Mutex::new(written)) }
    }

    /// `Ok` when all of its data are written.
    fn attempt(&self, fd: &OwnedFd) -> io::Result<()> {
        let mut outgoing = lock(&self.stream.outgoing);
        if outgoing.left_of(self.number).is_none() {
            return Ok(());
        }
        let before = outgoing.queue.len();
        let result = outgoing.write(|data| (self.stream.write)(fd, data));
        let after = outgoing.queue.len();
        let left = outgoing.left_of(self.number).map(|own| own.written);
        drop(outgoing);
        let broken = result.as_ref().is_err_and(|error| error.kind() != Io::WouldBlock);
        if before - after > usize::from(left.is_none()) || (broken && after > 1) {
            self.stream.watched.changed(Interest::Write);
        }
        match left {
            None => Ok(()),
            Some(written) => {
                *lock(&self.written) = written;
                result
            }
        }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        lock(&self.stream.outgoing).queue.retain(|segment| segment.number != self.number);
    }
}

impl Outgoing {
    fn left_of(&self, number: u64) -> Option<&Segment> {
        self.queue.iter().find(|segment| segment.number == number)
    }

    /// Writes what is in the queue, as much as goes without waiting; `Ok` when it is all.
    fn write(&mut self, write: impl Fn(&[u8]) -> rustix::io::Result<usize>) -> io::Result<()> {
        while let Some(segment) = self.queue.front_mut() {
            while segment.written < segment.data.len() {
                segment.written += write(&segment.data[segment.written..])?;
            }
            self.queue.pop_front();
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An object of the host that is a stream to scripts.
pub(crate) trait Streamed: HostObject {
    /// The stream.
    fn stream(&self) -> &Arc<Stream>;
}

/// Adds the methods that read.
pub(crate) fn readable<T: Streamed>(rows: HostType<T>) -> HostType<T> {
    rows.raw(
        "read(n = nil, timeout = nil)",
        "The next bytes, `n` at most, as soon as there are some; nil at the end. Without `n` all \
         to the end.",
        |this, context| {
            let want = context.get::<Option<usize>>(0)?.map_or(Want::All, Want::Some);
            Ok(this.stream().read(want, context.get::<Limit>(1)?.0, |_, found| bytes(found)))
        },
    )
    .raw(
        "read_exact(n, timeout = nil)",
        "The next `n` bytes; nil at the end, an error when it comes in the middle.",
        |this, context| {
            let count = context.get::<usize>(0)?;
            let limit = context.get::<Limit>(1)?.0;
            Ok(this.stream().read(Want::Exactly(count), limit, move |stream, found| match found {
                Found::Short(there) => {
                    let text = format!(
                        "read from {}: it ended after {there} of {count} bytes",
                        stream.name
                    );
                    Err(Error::new(ErrorKind::Io, text))
                }
                found => bytes(found),
            }))
        },
    )
    .raw(
        "read_line(timeout = nil)",
        "The next line, as a text without its end; nil when there is none.",
        |this, context| Ok(read_line(this.stream(), context.get::<Limit>(0)?.0)),
    )
    .raw("lines()", "The lines that are left, for a loop.", |this, _| {
        Reply::now(Object(Lines(this.stream().clone())))
    })
    .raw("next()", "The next line, for a loop.", |this, _| Ok(read_line(this.stream(), None)))
}

/// Adds the methods that write.
pub(crate) fn writable<T: Streamed>(rows: HostType<T>) -> HostType<T> {
    rows.raw(
        "write(data, timeout = nil)",
        "Writes a text or bytes, all of it; waits while the other side is slow.",
        |this, context| {
            let data = context.get::<DataRef>(0)?;
            this.stream().write(data, context.get::<Limit>(1)?.0)
        },
    )
}

/// Adds the method that closes.
pub(crate) fn closable<T: Streamed>(rows: HostType<T>) -> HostType<T> {
    rows.method(
        "close()",
        "Closes it, and wakes who waits for it; again does nothing.",
        |this: &T| {
            this.stream().close();
        },
    )
}

fn bytes(found: Found) -> Result<Local, Error> {
    match found {
        Found::Bytes(bytes, _) => Bytes(bytes).into_value(),
        Found::End | Found::Short(_) | Found::Endless => Ok(Local::NIL),
    }
}

fn read_line(stream: &Arc<Stream>, limit: Option<Duration>) -> Reply {
    stream.read(Want::Line, limit, |stream, found| line(stream, found)?.into_value())
}

fn line(stream: &Stream, found: Found) -> Result<Option<String>, Error> {
    let wrong = |kind, what: String| Error::new(kind, format!("read from {}: {what}", stream.name));
    match found {
        Found::Bytes(bytes, at) => String::from_utf8(bytes).map(Some).map_err(|error| {
            let at = at + error.utf8_error().valid_up_to() as u64;
            let what = format!("not valid UTF-8 at byte {at}; `read` takes any bytes");
            wrong(ErrorKind::Value, what)
        }),
        Found::Endless => {
            let most = LONGEST_LINE / (1024 * 1024);
            Err(wrong(
                ErrorKind::Io,
                format!("a line of more than {most} MiB; `read` takes pieces"),
            ))
        }
        Found::End | Found::Short(_) => Ok(None),
    }
}

/// The lines that are left of a stream.
pub(crate) struct Lines(Arc<Stream>);

impl HostObject for Lines {
    fn host_type() -> &'static HostType<Self> {
        static TYPE: LazyLock<HostType<Lines>> = LazyLock::new(|| {
            HostType::new("lines").raw(
                "next()",
                "The next line; nil at the end.",
                |lines: &Arc<Lines>, _: &mut Context<'_, '_>| Ok(read_line(&lines.0, None)),
            )
        });
        &TYPE
    }
}
