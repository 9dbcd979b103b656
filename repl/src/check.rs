//! `lisle check`: says what is wrong with programs, without running them.

use std::{
    io::{self, Read},
    path::PathBuf,
};

use crate::{args::Invocation, run};

/// Checks each file; gives the exit status: 2 when one has errors or cannot be read.
pub(crate) fn files(paths: &[PathBuf], deny_warnings: bool, invocation: &Invocation) -> i32 {
    let vm = match run::builder(invocation).build() {
        Ok(vm) => vm,
        Err(error) => return run::no_vm(&error),
    };
    let mut status = 0;
    for path in paths {
        let name = path.display().to_string();
        let source = if name == "-" { stdin() } else { run::read(path) };
        let source = match source {
            Ok(source) => source,
            Err(error) => {
                status = run::refuse(&format!("cannot read `{name}`: {}", lisle::reason(&error)));
                continue;
            }
        };
        let shown = if name == "-" { "<stdin>" } else { &name };
        let checked = vm.check(shown, source);
        eprint!("{}", checked.report());
        if checked.errors() > 0 || deny_warnings && checked.warnings() > 0 {
            status = run::MISUSE;
        }
    }
    status
}

fn stdin() -> io::Result<Vec<u8>> {
    let mut source = Vec::new();
    io::stdin().lock().read_to_end(&mut source)?;
    Ok(source)
}
