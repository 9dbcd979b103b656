//! Where `import "./util"` finds modules: files.
//!
//! A path is relative to the file that imports it, or to the current directory for a text that is no
//! file; `.lisle` is added to it. A module's name is its file's absolute path without links, so that
//! a file is one module however it is reached; messages show that path from the current directory
//! on, if it is below that.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use lisle_vm::{Error, ErrorKind, Loader, reason};

/// What the names of files of programs end with.
const EXTENSION: &str = ".lisle";

/// Loads modules from files.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileLoader;

impl Loader for FileLoader {
    fn resolve(&self, importer: &str, path: &str) -> Result<String, Error> {
        if let Some(short) = path.strip_suffix(EXTENSION) {
            return refuse(format!("`{EXTENSION}` is added to it: write `{short}`"));
        }
        if path.is_empty() || path.ends_with('/') {
            return refuse("it names no file".to_owned());
        }
        let file = beside(importer, path);
        let shown = shown(&file);
        match fs::canonicalize(&file) {
            Ok(real) if real.is_dir() => refuse(format!("`{shown}` is a directory")),
            Ok(real) => name(&real)
                .map_or_else(|| refuse(format!("the path of `{shown}` is not valid UTF-8")), Ok),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                refuse(format!("there is no file `{shown}`"))
            }
            Err(error) => refuse(format!("`{shown}`: {}", reason(&error))),
        }
    }

    fn load(&self, module: &str) -> Result<String, Error> {
        let shown = self.shown(module);
        let bytes = fs::read(module).map_err(|error| {
            Error::new(ErrorKind::Import, format!("cannot read `{shown}`: {}", reason(&error)))
        })?;
        String::from_utf8(bytes).or_else(|error| {
            let at = error.utf8_error().valid_up_to();
            refuse(format!("`{shown}` is not valid UTF-8 at byte {at}"))
        })
    }

    fn shown(&self, module: &str) -> String {
        shown(Path::new(module))
    }

    fn module_of(&self, text: &str) -> Option<String> {
        let real = fs::canonicalize(text).ok().filter(|real| real.is_file())?;
        name(&real)
    }

    fn candidates(&self, importer: &str, path: &str) -> Vec<String> {
        let above = &path[..path.rfind('/').map_or(0, |at| at + 1)];
        let file = beside(importer, path);
        let Some(Ok(entries)) = file.parent().map(directory) else { return Vec::new() };
        let mut names: Vec<String> = entries
            .filter_map(|entry| {
                let name = entry.ok()?.file_name().into_string().ok()?;
                let name = name.strip_suffix(EXTENSION)?;
                Some(format!("{above}{name}"))
            })
            .collect();
        // The system gives them in any order.
        names.sort_unstable();
        names
    }
}

fn refuse<T>(message: String) -> Result<T, Error> {
    Err(Error::new(ErrorKind::Import, message))
}

/// The file that `path` means in `importer`.
fn beside(importer: &str, path: &str) -> PathBuf {
    let directory = Path::new(importer).parent().unwrap_or(Path::new(""));
    directory.join(format!("{path}{EXTENSION}"))
}

fn directory(path: &Path) -> io::Result<fs::ReadDir> {
    fs::read_dir(if path.as_os_str().is_empty() { Path::new(".") } else { path })
}

fn name(real: &Path) -> Option<String> {
    real.to_str().map(str::to_owned)
}

/// A path as people would write it here.
fn shown(path: &Path) -> String {
    let here = env::current_dir().unwrap_or_default();
    // Takes out what says nothing, such as a `.` in the middle.
    let path: PathBuf = path.components().collect();
    let short = path.strip_prefix(&here).unwrap_or(&path);
    short.strip_prefix(".").unwrap_or(short).display().to_string()
}
