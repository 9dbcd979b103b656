//! Where a VM's input comes from: a host's reader, behind a buffer.
//!
//! Reading may block in the kernel, so it is done in blocking calls only. Readers take turns: a
//! line goes to one of them whole.

use std::io::{self, BufRead, BufReader, Read};

use crate::atomics::Mutex;

/// A shared input.
pub(crate) struct Input {
    reader: Mutex<BufReader<Box<dyn Read + Send>>>,
}

impl Input {
    /// An input from `reader`.
    pub(crate) fn new(reader: Box<dyn Read + Send>) -> Self {
        Self { reader: Mutex::new(BufReader::new(reader)) }
    }

    /// What is read from now on comes from another reader.
    pub(crate) fn redirect(&self, reader: Box<dyn Read + Send>) {
        *self.reader.lock() = BufReader::new(reader);
    }

    /// The next line without its `\n` or `\r\n`; `None` at the end. Bytes that are not UTF-8 are an
    /// error.
    pub(crate) fn read_line(&self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        if self.reader.lock().read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
        }
        text(line).map(Some)
    }

    /// At most `limit` bytes that are there, cut where a character ends; empty at the end. Waits
    /// for the first byte only.
    pub(crate) fn read_some(&self, limit: usize) -> io::Result<String> {
        let mut reader = self.reader.lock();
        let mut bytes = reader.fill_buf()?[..].to_vec();
        bytes.truncate(limit.max(1));
        reader.consume(bytes.len());
        // The rest of a character that was cut.
        while let Err(error) = std::str::from_utf8(&bytes)
            && error.error_len().is_none()
        {
            let mut next = [0];
            if reader.read(&mut next)? == 0 {
                break;
            }
            bytes.push(next[0]);
        }
        text(bytes)
    }

    /// All that is left.
    pub(crate) fn read_all(&self) -> io::Result<String> {
        let mut bytes = Vec::new();
        self.reader.lock().read_to_end(&mut bytes)?;
        text(bytes)
    }
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the input is not valid UTF-8"))
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Input;

    fn input(bytes: &'static [u8]) -> Input {
        Input::new(Box::new(bytes))
    }

    #[test]
    fn lines_lose_their_ends() {
        let input = input("one\r\n\ntwö".as_bytes());
        let mut lines = Vec::new();
        while let Some(line) = input.read_line().unwrap() {
            lines.push(line);
        }
        assert_eq!(lines, ["one", "", "twö"]);
    }

    #[test]
    fn pieces_hold_whole_characters() {
        let input = input("aäb".as_bytes());
        assert_eq!(input.read_some(2).unwrap(), "aä");
        assert_eq!(input.read_some(9).unwrap(), "b");
        assert_eq!(input.read_some(9).unwrap(), "");
    }

    #[test]
    fn bad_bytes_are_an_error() {
        assert!(input(b"a\xff\n").read_line().is_err());
        assert!(input(b"\xc3").read_some(1).is_err());
        assert!(input(b"\xff").read_all().is_err());
    }
}
