//! `fs`: files and directories.
//!
//! Everything here may wait in the kernel, and says so. Paths and texts are strings; a failure is
//! an error of kind `io` that names the path and the system's reason. Texts are UTF-8: a file that
//! is not is an error that names its path; what reads and writes bytes takes any.
//!
//! Open files and the walks over lines and directories work on their own buffers, so that most
//! calls answer at once and only refilling a buffer is a blocking call. Two user threads that use
//! one file at the same time take turns.

mod file;
mod walk;

use std::{
    env,
    ffi::OsString,
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use lisle_vm::{Bytes, Error, ErrorKind, ModuleBuilder, Object};

use crate::arguments::Data;
use file::{File, Lines};
use walk::Walk;

/// The module.
pub(crate) fn module() -> ModuleBuilder {
    ModuleBuilder::new("fs", "Files and directories.")
        .blocking("read(path)", "The whole text of a file.", read)
        .blocking("read_bytes(path)", "The whole content of a file, as bytes.", read_bytes)
        .blocking(
            "write(path, data)",
            "Makes a text, or bytes, the whole content of a file.",
            write,
        )
        .blocking("append(path, data)", "Adds a text, or bytes, at the end of a file.", append)
        .blocking(
            "lines(path)",
            "The lines of a file without their ends, one by one.",
            |path: String| Lines::open(&path).map(Object),
        )
        .blocking("list(dir)", "The names in a directory, sorted.", list)
        .blocking(
            "walk(dir)",
            "The paths of all files and directories below, one by one; not through links.",
            |dir: String| Walk::new(&dir).map(Object),
        )
        .blocking("exists(path)", "Is there anything at this path?", |path: String| {
            Path::new(&path).try_exists().unwrap_or(false)
        })
        .blocking("is_file(path)", "Is there a file at this path?", |path: String| {
            Path::new(&path).is_file()
        })
        .blocking("is_dir(path)", "Is there a directory at this path?", |path: String| {
            Path::new(&path).is_dir()
        })
        .blocking("size(path)", "The size of a file in bytes.", size)
        .blocking("remove(path)", "Removes a file, a link, or an empty directory.", remove)
        .blocking("rename(from, to)", "Renames or moves within a file system.", rename)
        .blocking(
            "mkdir(path, parents = false)",
            "Makes a directory; with parents also those above, and is content if it is there.",
            mkdir,
        )
        .blocking("temp_dir()", "Makes a new directory for temporary files.", temp_dir)
        .blocking(
            "open(path, mode = \"r\")",
            "Opens a file to read (r), write (w), append (a); with + for both.",
            |path: String, mode: String| File::open(&path, &mode).map(Object),
        )
        .object::<File>("An open file.")
        .object::<Lines>("The lines of a file, for `for`.")
        .object::<Walk>("The paths below a directory, for `for`.")
}

/// What failed, on what, and why: `read notes.txt: No such file or directory`.
fn failed(doing: &str, path: &str) -> impl FnOnce(io::Error) -> Error {
    move |error| Error::from(error).context(&format!("{doing} `{path}`"))
}

/// The text of these bytes of a file.
fn text(bytes: Vec<u8>, path: &str) -> Result<String, Error> {
    String::from_utf8(bytes).map_err(|e| not_text(path, e.utf8_error().valid_up_to() as u64))
}

fn not_text(path: &str, at: u64) -> Error {
    let message = format!("read `{path}`: not valid UTF-8 at byte {at}");
    Error::new(ErrorKind::Io, message)
}

/// A path as a string of the script.
fn shown(path: impl Into<OsString>) -> Result<String, Error> {
    path.into().into_string().map_err(|path| {
        let message = format!("the name `{}` is not valid UTF-8", path.display());
        Error::new(ErrorKind::Io, message)
    })
}

fn read(path: String) -> Result<String, Error> {
    let bytes = fs::read(&path).map_err(failed("read", &path))?;
    text(bytes, &path)
}

fn read_bytes(path: String) -> Result<Bytes, Error> {
    fs::read(&path).map(Bytes).map_err(failed("read", &path))
}

fn write(path: String, data: Data) -> Result<(), Error> {
    fs::write(&path, data.0).map_err(failed("write", &path))
}

fn append(path: String, data: Data) -> Result<(), Error> {
    fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(&path)
        .and_then(|mut file| file.write_all(&data.0))
        .map_err(failed("append to", &path))
}

fn list(dir: String) -> Result<Vec<String>, Error> {
    let mut names = fs::read_dir(&dir)
        .and_then(|entries| {
            entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()
        })
        .map_err(failed("list", &dir))?;
    names.sort();
    names.into_iter().map(shown).collect()
}

fn size(path: String) -> Result<u64, Error> {
    fs::metadata(&path).map(|data| data.len()).map_err(failed("size of", &path))
}

fn remove(path: String) -> Result<(), Error> {
    fs::symlink_metadata(&path)
        .and_then(|data| if data.is_dir() { fs::remove_dir(&path) } else { fs::remove_file(&path) })
        .map_err(failed("remove", &path))
}

fn rename(from: String, to: String) -> Result<(), Error> {
    fs::rename(&from, &to)
        .map_err(|e| Error::from(e).context(&format!("rename `{from}` to `{to}`")))
}

fn mkdir(path: String, parents: bool) -> Result<(), Error> {
    let made = if parents { fs::create_dir_all(&path) } else { fs::create_dir(&path) };
    made.map_err(failed("make directory", &path))
}

/// A directory that is new: making it fails if somebody was faster, and the next name is tried.
fn temp_dir() -> Result<String, Error> {
    let base = env::temp_dir();
    let mut seed = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.subsec_nanos());
    loop {
        let path: PathBuf = base.join(format!("lisle-{}-{seed:08x}", std::process::id()));
        match fs::create_dir(&path) {
            Ok(()) => return shown(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                seed = seed.wrapping_add(0x9e37_79b9);
            }
            Err(error) => return Err(failed("make directory", &path.display().to_string())(error)),
        }
    }
}
