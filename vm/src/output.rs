//! Where a VM's output goes: a buffer in front of a host's writer.
//!
//! What is appended at once stays together, so a line is never torn. Appending never waits for the
//! writer: two locks, of which the one of the writer is taken first, keep them apart.

use std::io::{self, Write};

use crate::atomics::{AtomicBool, Mutex, Ordering};

/// Above this many bytes the buffer is to be written out.
const FULL: usize = 16 * 1024;

/// A buffered, shared output.
pub struct Output {
    buffer: Mutex<Vec<u8>>,
    writer: Mutex<Box<dyn Write + Send>>,
    /// Every append is to be written out: somebody is watching. Any LWP, atomic.
    prompt: AtomicBool,
}

impl Output {
    /// An output to `writer`.
    pub fn new(writer: Box<dyn Write + Send>) -> Self {
        Self {
            buffer: Mutex::default(),
            writer: Mutex::new(writer),
            prompt: AtomicBool::new(false),
        }
    }

    /// Sends what comes from now on to another writer.
    pub fn redirect(&self, writer: Box<dyn Write + Send>) {
        self.flush().ok();
        *self.writer.lock() = writer;
    }

    /// Says whether each append is to be written out at once, as to a terminal.
    pub fn set_prompt(&self, prompt: bool) {
        // Relaxed: when it takes effect does not matter.
        self.prompt.store(prompt, Ordering::Relaxed);
    }

    /// Adds bytes to the buffer. True when it is time to [flush](Self::flush), which may block.
    #[must_use]
    pub fn append(&self, bytes: &[u8]) -> bool {
        let mut buffer = self.buffer.lock();
        buffer.extend_from_slice(bytes);
        buffer.len() >= FULL || self.prompt.load(Ordering::Relaxed)
    }

    /// Is there nothing in the buffer?
    pub fn is_flushed(&self) -> bool {
        self.buffer.lock().is_empty()
    }

    /// Writes out what is in the buffer. May block in the kernel.
    pub fn flush(&self) -> io::Result<()> {
        let mut writer = self.writer.lock();
        let bytes = std::mem::take(&mut *self.buffer.lock());
        writer.write_all(&bytes)?;
        writer.flush()?;
        // The next lines need not allocate again.
        let mut buffer = self.buffer.lock();
        if buffer.is_empty() && bytes.capacity() <= 4 * FULL {
            *buffer = bytes;
            buffer.clear();
        }
        Ok(())
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output").finish_non_exhaustive()
    }
}
