//! The walk over a tree of directories.
//!
//! Depth first, the names of a directory in order, a directory before what is in it. Directories
//! are read one at a time when the walk comes to them, whole; links are named and not followed.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex, PoisonError, TryLockError},
};

use lisle_vm::{Context, Error, HostObject, HostType, Reply};

use super::{failed, shown};

/// A walk that is under way.
pub(super) struct Walk(Mutex<Tree>);

struct Tree {
    /// Names still to be given, the next one last; each with whether it is a directory.
    ahead: Vec<(PathBuf, bool)>,
    /// A directory that was given and not read yet.
    unread: Option<PathBuf>,
}

impl Walk {
    /// A walk below `dir`, whose own entries are read at once: so a wrong path is an error here.
    pub(super) fn new(dir: &str) -> Result<Self, Error> {
        let mut tree = Tree { ahead: Vec::new(), unread: Some(dir.into()) };
        tree.read()?;
        Ok(Self(Mutex::new(tree)))
    }

    fn step(&self) -> Result<Option<String>, Error> {
        let mut tree = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tree.read()?;
        tree.give()
    }
}

impl Tree {
    /// Reads the directory that is to be read.
    fn read(&mut self) -> Result<(), Error> {
        let Some(dir) = self.unread.take() else { return Ok(()) };
        let from = self.ahead.len();
        match entries(&dir) {
            Ok(entries) => self.ahead.extend(entries),
            // Gone since it was named: a tree may change while it is walked.
            Err(error) if error.kind() == io::ErrorKind::NotFound && from > 0 => {}
            Err(error) => return Err(failed("walk", &dir.display().to_string())(error)),
        }
        self.ahead[from..].sort_by(|a, b| b.cmp(a));
        Ok(())
    }

    fn give(&mut self) -> Result<Option<String>, Error> {
        let Some((path, is_dir)) = self.ahead.pop() else { return Ok(None) };
        if is_dir {
            self.unread = Some(path.clone());
        }
        shown(path).map(Some)
    }
}

fn entries(dir: &Path) -> io::Result<Vec<(PathBuf, bool)>> {
    let entries = fs::read_dir(dir)?;
    entries
        .map(|entry| {
            let entry = entry?;
            let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
            Ok((entry.path(), is_dir))
        })
        .collect()
}

impl HostObject for Walk {
    fn host_type() -> &'static HostType<Self> {
        static TYPE: LazyLock<HostType<Walk>> = LazyLock::new(|| {
            HostType::new("walk").raw("next()", "The next path; nil at the end.", next)
        });
        &TYPE
    }
}

fn next(walk: &Arc<Walk>, _: &mut Context<'_, '_>) -> Result<Reply, Error> {
    match walk.0.try_lock() {
        Ok(mut tree) if tree.unread.is_none() => return Reply::now(tree.give()?),
        Ok(_) | Err(TryLockError::WouldBlock | TryLockError::Poisoned(_)) => {}
    }
    let walk = walk.clone();
    Ok(Reply::later(move || walk.step()))
}
