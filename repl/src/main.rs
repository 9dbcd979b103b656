//! The `lisle` command: runs files and text, and talks at a prompt.
//!
//! | file | lives here |
//! |---|---|
//! | [`args`] | what the command line says |
//! | [`check`] | what is wrong with programs, without running them |
//! | [`run`] | a program, from its bytes to an exit status |
//! | [`profile`] | what a program spends its time on, drawn |
//! | [`prompt`] | the conversation: read, evaluate, print |
//! | [`edit`] | line editing and history, the only file that knows `rustyline` |
//! | [`output`] | the process's output streams, and what a closed pipe means |
//!
//! The language is not here: whatever this command does a host can do through the `lisle` crate.
//!
//! Exit statuses: 0, or what the program gave to `os.exit`; 1 after an uncaught error; 2 when the
//! command line or the program's text is wrong.

#![forbid(unsafe_code)]
#![expect(clippy::print_stderr, clippy::exit, reason = "this is the command")]

mod args;
mod check;
mod edit;
mod output;
mod profile;
mod prompt;
mod run;

use std::{io::IsTerminal, process};

use args::What;

fn main() {
    let invocation = args::parse();
    allow_many_descriptors();
    let status = match &invocation.what {
        What::File(path) => run::file(path, &invocation),
        What::Code(code) => run::text("<code>", code.as_bytes(), &invocation),
        What::Stdin => run::stdin(&invocation),
        What::Check { files, deny_warnings } => check::files(files, *deny_warnings, &invocation),
        What::Nothing if std::io::stdin().is_terminal() => prompt::talk(&invocation),
        What::Nothing => run::stdin(&invocation),
    };
    // Not a return: threads that are stuck in the kernel must not keep the process.
    process::exit(status)
}

/// A program may have as many connections as the system allows: the lower limit that processes start
/// with is for those that keep descriptors in sets of a fixed size.
fn allow_many_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let most = getrlimit(Resource::Nofile).maximum;
    // Where it is refused the old limit holds.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most });
}
