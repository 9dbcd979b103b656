//! `--profile`: what a program's threads spend their time on, drawn as a flame graph, and what they
//! copy. The only file that knows `inferno`.
//!
//! The file is made before the program runs, so that a wrong name is found out in time. What was seen
//! is drawn when the program has ended, or when Ctrl-C ends it.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
    process,
    sync::{Arc, Mutex, PoisonError},
};

use inferno::flamegraph::{self, Options, TextTruncateDirection};
use lisle::{Profile, Vm};

use crate::run;

/// 128 + SIGINT: what a shell shows for that signal.
const INTERRUPTED: i32 = 130;
/// So many places are told at which values were copied.
const SHOWN: usize = 20;

/// The drawing of a program that runs.
pub(crate) struct Drawing {
    /// `None` once it is drawn.
    file: Arc<Mutex<Option<Target>>>,
}

struct Target {
    name: String,
    file: File,
    title: String,
}

impl Drawing {
    /// Makes the file; the error is a message.
    pub(crate) fn create(path: &Path, program: &str) -> Result<Self, String> {
        let name = path.display().to_string();
        let file = File::create(path)
            .map_err(|e| format!("cannot write `{name}`: {}", lisle::reason(&e)))?;
        let target = Target { name, file, title: program.to_owned() };
        Ok(Self { file: Arc::new(Mutex::new(Some(target))) })
    }

    /// From now on Ctrl-C draws what was seen, and ends the process.
    pub(crate) fn draw_on_interrupt(&self, vm: &Vm) {
        let (file, vm) = (self.file.clone(), vm.clone());
        let handler = ctrlc::set_handler(move || {
            vm.flush();
            draw(&file, &vm);
            process::exit(INTERRUPTED)
        });
        if let Err(error) = handler {
            eprintln!("warning: Ctrl-C will end the program without a profile: {error}");
        }
    }

    /// The program has ended with this status. Gives that of the process.
    pub(crate) fn finish(self, vm: &Vm, status: i32) -> i32 {
        if draw(&self.file, vm) { status } else { run::MISUSE }
    }
}

/// Draws, unless it is done already; false when the file cannot be written.
fn draw(file: &Mutex<Option<Target>>, vm: &Vm) -> bool {
    // Held to the end: who comes second waits for the drawing.
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(target) = file.take() else { return true };
    let profile = vm.profile();
    let written = write(&profile, &target);
    if let Err(error) = &written {
        run::refuse(&format!("cannot write `{}`: {}", target.name, lisle::reason(error)));
    }
    for copies in profile.copies().iter().take(SHOWN) {
        eprintln!("{copies}");
    }
    if let Some(more) = profile.copies().len().checked_sub(SHOWN)
        && more > 0
    {
        eprintln!("... and at {more} more places");
    }
    written.is_ok()
}

fn write(profile: &Profile, target: &Target) -> io::Result<()> {
    let mut folded = profile.folded();
    if folded.is_empty() {
        "(it ended before it could be looked at) 1\n".clone_into(&mut folded);
    }
    let mut options = Options::default();
    options.title.clone_from(&target.title);
    "\u{b5}s".clone_into(&mut options.count_name);
    // One program looks the same each time, and names are read from their start.
    options.hash = true;
    options.text_truncate_direction = TextTruncateDirection::Right;
    let mut out = BufWriter::new(&target.file);
    flamegraph::from_lines(&mut options, folded.lines(), &mut out).map_err(io::Error::other)?;
    out.flush()
}
