//! The command line.
//!
//! Everything after the program belongs to the program, options included. With `-e` the program is
//! the code, so that all positional arguments are its own.

use std::{ffi::OsString, num::NonZeroUsize, path::PathBuf};

use clap::{
    CommandFactory, Parser, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
    error::ErrorKind,
};
use lisle::Model;

/// Runs Lisle programs. Without a program: a conversation on a terminal, else the program is read
/// from standard input.
#[derive(Parser, Debug)]
#[command(
    name = "lisle",
    version,
    disable_help_subcommand = true,
    subcommand_negates_reqs = true,
    args_conflicts_with_subcommands = true
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    /// Run this text instead of a file
    #[arg(short = 'e', long = "eval", value_name = "CODE")]
    code: Option<String>,

    /// How many kernel threads run scripts at once [default: the number of CPUs]
    #[arg(long, value_name = "N", value_parser = lwps)]
    lwps: Option<NonZeroUsize>,

    /// How user threads are mapped to kernel threads
    #[arg(long, default_value_t, value_parser = model())]
    model: Model,

    /// Draw what the program's threads spend their time on as a flame graph, and say which large
    /// values were copied
    #[arg(long, value_name = "FILE.svg")]
    profile: Option<PathBuf>,

    /// The program (`-` for standard input), and its arguments
    #[arg(value_name = "FILE] [ARGS", trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<OsString>,
}

/// What else there is to do than to run a program. A file of such a name is run as `./NAME`.
#[derive(Subcommand, Debug)]
enum Command {
    /// Say what is wrong with programs, without running them
    Check {
        /// Count warnings as errors
        #[arg(long)]
        deny_warnings: bool,

        /// The programs (`-` for standard input)
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
}

fn model() -> impl TypedValueParser<Value = Model> {
    PossibleValuesParser::new(Model::ALL.map(Model::name)).try_map(|name| name.parse::<Model>())
}

/// What to do.
#[derive(Debug)]
pub(crate) struct Invocation {
    /// The program.
    pub(crate) what: What,
    /// Its arguments, for `os.args`.
    pub(crate) args: Vec<String>,
    /// How many LWPs run scripts at once; `None`: as many as there are CPUs.
    pub(crate) lwps: Option<NonZeroUsize>,
    /// How user threads are mapped to LWPs.
    pub(crate) model: Model,
    /// Where to draw what the program spends its time on.
    pub(crate) profile: Option<PathBuf>,
}

/// Where the program comes from.
#[derive(Debug)]
pub(crate) enum What {
    /// `lisle FILE`
    File(PathBuf),
    /// `lisle -e CODE`
    Code(String),
    /// `lisle -`
    Stdin,
    /// `lisle check FILE...`
    Check {
        /// The programs.
        files: Vec<PathBuf>,
        /// Warnings are errors.
        deny_warnings: bool,
    },
    /// `lisle`
    Nothing,
}

/// Reads the command line. A wrong one ends the process with a message and status 2, `--help` and
/// `--version` with their text and status 0.
pub(crate) fn parse() -> Invocation {
    interpret(Cli::parse()).unwrap_or_else(|error| error.exit())
}

fn interpret(cli: Cli) -> Result<Invocation, clap::Error> {
    let (lwps, model, profile) = (cli.lwps, cli.model, cli.profile);
    if model == Model::NToOne && lwps.is_some_and(|lwps| lwps.get() != 1) {
        return Err(usage("in the model n:1 one kernel thread runs scripts: leave out `--lwps`"));
    }
    if let Some(Command::Check { files, deny_warnings }) = cli.command {
        let what = What::Check { files, deny_warnings };
        return Ok(Invocation { what, args: Vec::new(), lwps, model, profile });
    }
    let mut rest = cli.rest.into_iter().peekable();
    let what = if let Some(code) = cli.code {
        What::Code(code)
    } else {
        match rest.next() {
            None => What::Nothing,
            Some(name) if name == "-" => What::Stdin,
            Some(name) if name == "--" => {
                rest.next().map_or(What::Nothing, |name| What::File(name.into()))
            }
            Some(name) if name.as_encoded_bytes().starts_with(b"-") => {
                return Err(usage(format!("unknown option `{}`", name.display())));
            }
            Some(name) => What::File(name.into()),
        }
    };
    let args = rest
        .map(|arg| {
            arg.into_string().map_err(|arg| {
                usage(format!("the argument `{}` is not valid UTF-8", arg.display()))
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(Invocation { what, args, lwps, model, profile })
}

fn lwps(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "it is a whole number, from 1 on")
}

fn usage(message: impl std::fmt::Display) -> clap::Error {
    Cli::command().error(ErrorKind::InvalidValue, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Invocation, clap::Error> {
        interpret(Cli::try_parse_from([&["lisle"], words].concat())?)
    }

    #[test]
    fn everything_after_the_file_is_the_programs() {
        let found = read(&["--lwps", "2", "a.lisle", "--lwps", "3", "-x", "--", "y"]).unwrap();
        assert!(matches!(found.what, What::File(path) if path == *"a.lisle"));
        assert_eq!(found.args, ["--lwps", "3", "-x", "--", "y"]);
        assert_eq!(found.lwps.map(NonZeroUsize::get), Some(2));
    }

    #[test]
    fn code_takes_all_positional_arguments() {
        let found = read(&["-e", "print(1)", "a", "-b"]).unwrap();
        assert!(matches!(found.what, What::Code(code) if code == "print(1)"));
        assert_eq!(found.args, ["a", "-b"]);
    }

    #[test]
    fn a_dash_is_standard_input() {
        let found = read(&["-", "x"]).unwrap();
        assert!(matches!(found.what, What::Stdin));
        assert_eq!(found.args, ["x"]);
    }

    #[test]
    fn check_takes_files() {
        let found = read(&["check", "a.lisle", "b.lisle"]).unwrap();
        assert!(matches!(found.what, What::Check { files, .. } if files.len() == 2));
        assert_eq!(read(&["check"]).unwrap_err().exit_code(), 2);
        let found = read(&["a.lisle", "check"]).unwrap();
        assert!(matches!(found.what, What::File(path) if path == *"a.lisle"));
        assert_eq!(found.args, ["check"]);
        let found = read(&["-e", "1", "check"]).unwrap();
        assert!(matches!(found.what, What::Code(_)));
        assert_eq!(found.args, ["check"]);
    }

    #[test]
    fn models_have_names() {
        assert_eq!(read(&[]).unwrap().model, Model::MToN);
        for model in Model::ALL {
            assert_eq!(read(&["--model", model.name()]).unwrap().model, model);
        }
        assert_eq!(read(&["--model", "n:1", "--lwps", "1"]).unwrap().model, Model::NToOne);
        assert_eq!(read(&["--model", "1:1", "--lwps", "4"]).unwrap().model, Model::OneToOne);
    }

    #[test]
    fn a_profile_has_a_file() {
        let found = read(&["--profile", "a.svg", "b.lisle", "--profile"]).unwrap();
        assert_eq!(found.profile.as_deref(), Some("a.svg".as_ref()));
        assert_eq!(found.args, ["--profile"]);
        assert_eq!(read(&["--profile"]).unwrap_err().exit_code(), 2);
    }

    #[test]
    fn nothing_is_nothing() {
        assert!(matches!(read(&[]).unwrap().what, What::Nothing));
    }

    #[test]
    fn wrong_ones_are_refused() {
        for words in [
            &["--bogus"][..],
            &["--lwps", "0"],
            &["--lwps"],
            &["-e"],
            &["--lwps", "x"],
            &["--model", "2:2"],
            &["--model"],
            &["--model", "n:1", "--lwps", "4"],
        ] {
            let error = read(words).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{words:?}");
        }
    }
}
