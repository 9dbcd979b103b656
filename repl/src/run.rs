//! Runs a program: from its bytes to an exit status.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use lisle::{Color, Error, Vm, VmBuilder};

use crate::{args::Invocation, output, profile::Drawing};

/// The command line or the program's text is wrong.
pub(crate) const MISUSE: i32 = 2;

/// Runs the program in a file.
pub(crate) fn file(path: &Path, invocation: &Invocation) -> i32 {
    let name = path.display().to_string();
    match read(path) {
        Ok(source) => text(&name, &source, invocation),
        Err(error) => refuse(&format!("cannot read `{name}`: {}", lisle::reason(&error))),
    }
}

/// Runs the program on standard input.
pub(crate) fn stdin(invocation: &Invocation) -> i32 {
    let mut source = Vec::new();
    // Not in the `match`, which would keep the lock while the program runs.
    let read = io::stdin().lock().read_to_end(&mut source);
    match read {
        Ok(_) => text("<stdin>", &source, invocation),
        Err(error) => refuse(&format!("cannot read standard input: {}", lisle::reason(&error))),
    }
}

/// Runs a program that is called `name` in messages.
pub(crate) fn text(name: &str, source: &[u8], invocation: &Invocation) -> i32 {
    let drawing = invocation.profile.as_deref().map(|path| Drawing::create(path, name)).transpose();
    let drawing = match drawing {
        Ok(drawing) => drawing,
        Err(message) => return refuse(&message),
    };
    match builder(invocation).build() {
        Ok(vm) => {
            if let Some(drawing) = &drawing {
                drawing.draw_on_interrupt(&vm);
            }
            let mut status = vm.run(name, source);
            if let Some(drawing) = drawing {
                status = drawing.finish(&vm, status);
            }
            // The process ends now, and with it whatever is still stuck in the kernel: joining
            // the kernel threads could wait for that.
            std::mem::forget(vm);
            status
        }
        Err(error) => no_vm(&error),
    }
}

/// A VM on the streams of this process.
pub(crate) fn builder(invocation: &Invocation) -> VmBuilder {
    let mut builder = Vm::builder()
        .stdout(output::stdout())
        .stderr(output::stderr())
        .color(output::color())
        .model(invocation.model)
        .args(&invocation.args);
    if let Some(lwps) = invocation.lwps {
        builder = builder.lwps(lwps.get());
    }
    if invocation.profile.is_some() {
        builder = builder.profile();
    }
    builder
}

/// Reports on the command line's side of things.
pub(crate) fn refuse(message: &str) -> i32 {
    eprintln!("error: {message}");
    MISUSE
}

/// The VM did not start.
pub(crate) fn no_vm(error: &Error) -> i32 {
    eprint!("{}", error.report(Color::Plain));
    MISUSE
}

pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    if file.metadata()?.is_dir() {
        // Said here, since not every system does when one reads.
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let mut source = Vec::new();
    file.read_to_end(&mut source)?;
    Ok(source)
}

/// The directory where this user's programs keep what they remember.
pub(crate) fn state_directory() -> Option<std::path::PathBuf> {
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let base = from("XDG_STATE_HOME")
        .map(Into::into)
        .or_else(|| from("HOME").map(|home| Path::new(&home).join(".local").join("state")))?;
    let directory = base.join("lisle");
    fs::create_dir_all(&directory).ok()?;
    Some(directory)
}
