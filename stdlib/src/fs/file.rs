//! Open files, and the walk over the lines of one.
//!
//! A file has one buffer, which holds either bytes read ahead or bytes not yet written, never
//! both. Changing over first gives the kernel's position back what was read ahead, or writes what
//! is to be written. What is not written when a file is dropped is written then.

use std::{
    fs::{self, OpenOptions},
    io::{self, ErrorKind as Io, Read, Seek, SeekFrom, Write},
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
};

use lisle_vm::{Bytes, Context, Error, ErrorKind, HostObject, HostType, Object, Reply};

use super::{failed, not_text};
use crate::arguments::DataRef;

/// How much is read ahead or written at once.
const BUFFER: usize = 64 * 1024;

/// An open file.
pub(super) struct File {
    path: String,
    state: Mutex<State>,
}

struct State {
    /// `None` once it is closed.
    file: Option<fs::File>,
    /// Bytes read ahead, from `start` on.
    ahead: Vec<u8>,
    start: usize,
    /// How many of the buffered bytes are known to hold no line end, so that a long line is not
    /// looked through again with every piece of it.
    scanned: usize,
    /// Bytes to be written.
    behind: Vec<u8>,
    /// The position of `ahead[start]` in the file, for messages.
    at: u64,
    readable: bool,
    writable: bool,
}

impl File {
    /// Opens a file in one of the modes `r w a r+ w+ a+`.
    pub(super) fn open(path: &str, mode: &str) -> Result<Self, Error> {
        let (base, both) = match mode.strip_suffix('+') {
            Some(base) => (base, true),
            None => (mode, false),
        };
        let mut options = OpenOptions::new();
        match base {
            "r" => options.read(true).write(both),
            "w" => options.write(true).create(true).truncate(true).read(both),
            "a" => options.append(true).create(true).read(both),
            _ => {
                let message = format!("open `{path}`: no mode `{mode}`; use r, w, a, r+, w+ or a+");
                return Err(Error::new(ErrorKind::Value, message));
            }
        };
        let file = options.open(path).map_err(failed("open", path))?;
        let (readable, writable) = (both || base == "r", both || base != "r");
        if readable && file.metadata().is_ok_and(|data| data.is_dir()) {
            return Err(failed("open", path)(Io::IsADirectory.into()));
        }
        let state = State {
            file: Some(file),
            ahead: Vec::new(),
            start: 0,
            scanned: 0,
            behind: Vec::new(),
            at: 0,
            readable,
            writable,
        };
        Ok(Self { path: path.to_owned(), state: Mutex::new(state) })
    }

    /// The state, for as long as it takes: another thread may be reading.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state if nobody else is at it.
    fn idle(&self) -> Option<MutexGuard<'_, State>> {
        self.state.try_lock().ok()
    }

    fn failed(&self, doing: &str) -> impl FnOnce(io::Error) -> Error {
        failed(doing, &self.path)
    }

    fn read_line(&self) -> Result<Option<String>, Error> {
        let mut state = self.state();
        state.for_reading(&self.path)?;
        loop {
            if let Some(line) = state.line(&self.path)? {
                return Ok(Some(line));
            }
            if !state.fill().map_err(self.failed("read"))? {
                return state.rest(&self.path);
            }
        }
    }

    fn read(&self, limit: Option<usize>) -> Result<String, Error> {
        let (mut state, wanted) = self.ahead(limit)?;
        state.text(wanted, &self.path)
    }

    fn read_bytes(&self, limit: Option<usize>) -> Result<Bytes, Error> {
        let (mut state, wanted) = self.ahead(limit)?;
        Ok(Bytes(state.take(wanted)))
    }

    /// Reads ahead what is wanted; gives how much of it there is.
    fn ahead(&self, limit: Option<usize>) -> Result<(MutexGuard<'_, State>, usize), Error> {
        let mut state = self.state();
        state.for_reading(&self.path)?;
        while limit.is_none_or(|limit| state.buffered().len() < limit)
            && state.fill().map_err(self.failed("read"))?
        {}
        let there = state.buffered().len();
        Ok((state, limit.map_or(there, |limit| limit.min(there))))
    }

    fn write(&self, data: &[u8]) -> Result<(), Error> {
        let mut state = self.state();
        state.for_writing(&self.path)?;
        state.behind.extend_from_slice(data);
        if state.behind.len() >= BUFFER {
            state.flush().map_err(self.failed("write"))
        } else {
            Ok(())
        }
    }

    fn flush(&self) -> Result<(), Error> {
        let mut state = self.state();
        state.open(&self.path)?;
        state.flush().map_err(self.failed("write"))
    }

    fn seek(&self, position: i64) -> Result<u64, Error> {
        let mut state = self.state();
        state.open(&self.path)?;
        let to = match u64::try_from(position) {
            Ok(position) => SeekFrom::Start(position),
            Err(_) => SeekFrom::End(position),
        };
        state.seek(to).map_err(self.failed("seek in"))
    }

    fn close(&self) -> Result<(), Error> {
        let mut state = self.state();
        let flushed = state.flush().map_err(self.failed("write"));
        state.file = None;
        state.drop_ahead();
        flushed
    }
}

impl State {
    fn open(&self, path: &str) -> Result<&fs::File, Error> {
        self.file
            .as_ref()
            .ok_or_else(|| Error::new(ErrorKind::Closed, format!("`{path}` is closed")))
    }

    fn for_reading(&mut self, path: &str) -> Result<(), Error> {
        self.open(path)?;
        if !self.readable {
            return Err(Error::new(ErrorKind::Io, format!("`{path}` is not open for reading")));
        }
        self.flush().map_err(failed("write", path))
    }

    fn for_writing(&mut self, path: &str) -> Result<(), Error> {
        self.open(path)?;
        if !self.writable {
            return Err(Error::new(ErrorKind::Io, format!("`{path}` is not open for writing")));
        }
        if !self.buffered().is_empty() {
            // The kernel is ahead of the script.
            let back = self.buffered().len() as i64;
            self.seek(SeekFrom::Current(-back)).map_err(failed("seek in", path))?;
        }
        Ok(())
    }

    fn buffered(&self) -> &[u8] {
        &self.ahead[self.start..]
    }

    fn drop_ahead(&mut self) {
        self.ahead.clear();
        self.start = 0;
        self.scanned = 0;
    }

    /// Reads ahead; false at the end of the file.
    fn fill(&mut self) -> io::Result<bool> {
        let Some(file) = &mut self.file else { return Ok(false) };
        self.ahead.drain(..self.start);
        self.start = 0;
        let old = self.ahead.len();
        self.ahead.resize(old + BUFFER, 0);
        let read = loop {
            match file.read(&mut self.ahead[old..]) {
                Err(error) if error.kind() == Io::Interrupted => {}
                other => break other,
            }
        };
        self.ahead.truncate(old + read.as_ref().copied().unwrap_or(0));
        Ok(read? > 0)
    }

    fn flush(&mut self) -> io::Result<()> {
        let bytes = std::mem::take(&mut self.behind);
        match &mut self.file {
            Some(file) => file.write_all(&bytes),
            None => Ok(()),
        }
    }

    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.flush()?;
        self.drop_ahead();
        let Some(file) = &mut self.file else { return Ok(0) };
        self.at = file.seek(to)?;
        Ok(self.at)
    }

    /// The next line that is buffered with its end, without it.
    fn line(&mut self, path: &str) -> Result<Option<String>, Error> {
        let known = self.scanned;
        let Some(end) = self.buffered()[known..].iter().position(|&byte| byte == b'\n') else {
            self.scanned = self.buffered().len();
            return Ok(None);
        };
        let mut line = self.take_text(known + end + 1, path)?;
        line.pop();
        if line.ends_with('\r') {
            line.pop();
        }
        Ok(Some(line))
    }

    /// What is buffered, as the last line; `None` when that is nothing.
    fn rest(&mut self, path: &str) -> Result<Option<String>, Error> {
        let there = self.buffered().len();
        if there == 0 { Ok(None) } else { self.take_text(there, path).map(Some) }
    }

    /// At most `wanted` of the buffered bytes, but never a part of a character.
    fn text(&mut self, wanted: usize, path: &str) -> Result<String, Error> {
        let bytes = &self.buffered()[..wanted];
        let whole = match std::str::from_utf8(bytes) {
            Ok(_) => wanted,
            // Cut inside of a character: the whole character, or that much less.
            Err(error) if error.error_len().is_none() && wanted < self.buffered().len() => {
                let start = error.valid_up_to();
                let longer = (wanted + 1..=(start + 4).min(self.buffered().len()))
                    .find(|&end| std::str::from_utf8(&self.buffered()[start..end]).is_ok());
                longer.unwrap_or(wanted)
            }
            Err(_) => wanted,
        };
        self.take_text(whole, path)
    }

    fn take_text(&mut self, count: usize, path: &str) -> Result<String, Error> {
        let at = self.at;
        String::from_utf8(self.take(count))
            .map_err(|e| not_text(path, at + e.utf8_error().valid_up_to() as u64))
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let bytes = self.buffered()[..count].to_vec();
        self.scanned = 0;
        self.start += count;
        self.at += count as u64;
        bytes
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // There is nobody to tell; who wants to know closes the file.
        let _ = self.flush();
    }
}

impl HostObject for File {
    fn host_type() -> &'static HostType<Self> {
        static TYPE: LazyLock<HostType<File>> = LazyLock::new(|| {
            HostType::new("file")
                .blocking(
                    "read(n = nil)",
                    "At most `n` bytes, all without `n`; \"\" at the end.",
                    |file: &File, limit: Option<usize>| file.read(limit),
                )
                .blocking(
                    "read_bytes(n = nil)",
                    "At most `n` bytes, all without `n`, as bytes; none at the end.",
                    |file: &File, limit: Option<usize>| file.read_bytes(limit),
                )
                .raw("read_line()", "The next line without its end; nil when there is none.", next)
                .raw("lines()", "The lines that are left, one by one.", |file, _| {
                    Reply::now(Object(Lines(file.clone())))
                })
                .raw("write(data)", "Writes a text, or bytes.", write)
                .blocking(
                    "seek(position)",
                    "Goes to a byte, below zero from the end; gives where that is.",
                    File::seek,
                )
                .blocking("flush()", "Writes what is still in the buffer.", File::flush)
                .blocking("close()", "Closes the file; again does nothing.", File::close)
                .raw("next()", "The next line, for a loop.", next)
        });
        &TYPE
    }
}

fn next(file: &Arc<File>, _: &mut Context<'_, '_>) -> Result<Reply, Error> {
    if let Some(mut state) = file.idle()
        && state.file.is_some()
        && state.behind.is_empty()
        && let Some(line) = state.line(&file.path)?
    {
        return Reply::now(line);
    }
    let file = file.clone();
    Ok(Reply::later(move || file.read_line()))
}

fn write(file: &Arc<File>, context: &mut Context<'_, '_>) -> Result<Reply, Error> {
    let data = context.get::<DataRef>(0)?;
    if let Some(mut state) = file.idle()
        && state.file.is_some()
        && state.writable
        && state.buffered().is_empty()
        && state.behind.len() + data.len() < BUFFER
    {
        state.behind.extend_from_slice(data);
        return Reply::now(());
    }
    let (file, data) = (file.clone(), data.to_owned());
    Ok(Reply::later(move || file.write(&data)))
}

/// The lines that are left of a file.
pub(super) struct Lines(Arc<File>);

impl Lines {
    /// The lines of the file at `path`.
    pub(super) fn open(path: &str) -> Result<Self, Error> {
        Ok(Self(Arc::new(File::open(path, "r")?)))
    }
}

impl HostObject for Lines {
    fn host_type() -> &'static HostType<Self> {
        static TYPE: LazyLock<HostType<Lines>> = LazyLock::new(|| {
            HostType::new("lines").raw(
                "next()",
                "The next line; nil at the end.",
                |lines: &Arc<Lines>, context: &mut Context<'_, '_>| next(&lines.0, context),
            )
        });
        &TYPE
    }
}
