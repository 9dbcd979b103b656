//! `process.spawn`: its options, and what can be wrong with them.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    path::Path,
    process::Command,
    sync::Arc,
};

use lisle_vm::{Context, Entries, Error, ErrorKind, Object, Poller, Reply, Stream, ValueRef};
use rustix::io::Errno;

use super::{
    child::{Child, Pipes, Started},
    pipe::{Reader, Writer},
};
use crate::failure::{failed, failed_with};

/// What one of a process's streams is.
enum Choice {
    Pipe,
    Null,
    Inherit,
    /// As stdout, for stderr.
    Stdout,
    /// What another process writes.
    From(Arc<Reader>),
    /// What another process reads.
    To(Arc<Writer>),
}

/// What is to be started, and how.
struct Options {
    cmd: String,
    args: Vec<String>,
    env: Vec<(String, Option<String>)>,
    cwd: Option<String>,
    stdin: Choice,
    stdout: Choice,
    stderr: Choice,
}

/// `process.spawn`.
pub(super) fn spawn(context: &mut Context<'_, '_>) -> Result<Reply, Error> {
    let options = Options::of(context)?;
    let poller = context.poller();
    let printed = [context.stdout(), context.stderr()];
    let start = move || options.start(poller, &printed).map(Started::new);
    Ok(Reply::later_then(start, |started| Reply::now(Object(started?.hand_over()))))
}

impl Options {
    fn of(context: &Context<'_, '_>) -> Result<Self, Error> {
        let cmd = context.get::<String>(0)?;
        let args = context.get::<Option<Vec<String>>>(1)?.unwrap_or_default();
        let env = context.get::<Option<Entries<String, Option<String>>>>(2)?.unwrap_or_default().0;
        let cwd = context.get::<Option<String>>(3)?;
        let choice = |i, name| Choice::of(context.args().at(i), name);
        let (stdin, stdout, stderr) =
            (choice(4, "stdin")?, choice(5, "stdout")?, choice(6, "stderr")?);
        let options = Self { cmd, args, env, cwd, stdin, stdout, stderr };
        options.check()?;
        Ok(options)
    }

    /// What the kernel would refuse without saying what it means.
    fn check(&self) -> Result<(), Error> {
        let wrong = |what: String| {
            Err(Error::new(ErrorKind::Io, format!("start `{}`: {what}", self.cmd.escape_debug())))
        };
        if self.cmd.is_empty() {
            return wrong("there is no command".into());
        }
        let texts = [&self.cmd].into_iter().chain(&self.args).chain(&self.cwd);
        let texts = texts.chain(self.env.iter().filter_map(|(_, value)| value.as_ref()));
        if let Some(text) =
            texts.chain(self.env.iter().map(|(name, _)| name)).find(|t| t.contains('\0'))
        {
            let shown = text.escape_debug();
            return wrong(format!(
                "\"{shown}\" holds a zero character, which ends a text to other programs: send it \
                 through stdin or a file"
            ));
        }
        if let Some((name, _)) = self.env.iter().find(|(n, _)| n.is_empty() || n.contains('=')) {
            return wrong(format!("\"{name}\" cannot be the name of an environment variable"));
        }
        Ok(())
    }

    fn start(self, poller: Poller, printed: &[Stream; 2]) -> Result<Child, Error> {
        let doing = format!("start `{}`", self.cmd);
        let trouble = |error: io::Error| failed(&doing, &error);
        // What was printed before comes before what it prints.
        for stream in printed {
            stream.flush().map_err(trouble)?;
        }
        let mut command = Command::new(&self.cmd);
        command.args(&self.args);
        for (name, value) in &self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(cwd) = &self.cwd {
            command.current_dir(cwd);
        }
        let named = |stream: &str| format!("the {stream} of `{}`", self.cmd);
        let stdin = match &self.stdin {
            Choice::Pipe => {
                let (reader, writer) = io::pipe().map_err(trouble)?;
                command.stdin(reader);
                Some(Writer::new(&poller, writer.into(), named("stdin")).map_err(trouble)?)
            }
            choice => {
                command.stdin(choice.given(io::stdin())?);
                None
            }
        };
        let (given, stdout) = self.output(&self.stdout, &poller, named("stdout"), io::stdout())?;
        let (same, stderr) = match &self.stderr {
            Choice::Stdout => (given.try_clone().map_err(trouble)?, None),
            choice => self.output(choice, &poller, named("stderr"), io::stderr())?,
        };
        command.stdout(given).stderr(same);
        let child = command.spawn().map_err(|error| self.explain(&doing, &error))?;
        // The child's ends of the pipes are in it: as long as they are open, nobody reaches the end.
        drop(command);
        Ok(Child::new(child, self.cmd, Pipes::new(stdin, stdout, stderr), poller))
    }

    /// The descriptor for an output of the process, and our end of it, if it is a pipe.
    fn output(
        &self,
        choice: &Choice,
        poller: &Poller,
        name: String,
        ours: impl AsFd,
    ) -> Result<(OwnedFd, Option<Reader>), Error> {
        let trouble = |error: io::Error| failed(&format!("start `{}`", self.cmd), &error);
        match choice {
            Choice::Pipe => {
                let (reader, writer) = io::pipe().map_err(trouble)?;
                let reader = Reader::new(poller, reader.into(), name).map_err(trouble)?;
                Ok((writer.into(), Some(reader)))
            }
            choice => Ok((choice.given(ours)?, None)),
        }
    }

    fn explain(&self, doing: &str, error: &io::Error) -> Error {
        if let Some(cwd) = &self.cwd
            && !Path::new(cwd).is_dir()
        {
            let there = if Path::new(cwd).exists() { "is no directory" } else { "does not exist" };
            let text = format!("{doing}: the directory to start it in, `{cwd}`, {there}");
            return Error::new(ErrorKind::Io, text);
        }
        let is_path = self.cmd.contains('/');
        let mend = match Errno::from_io_error(error) {
            Some(Errno::NOENT) if is_path && Path::new(&self.cmd).exists() => {
                "it is there, but the program that its first line names is not"
            }
            Some(Errno::NOENT) if self.cmd.contains(' ') && self.args.is_empty() => {
                "arguments are a list: `process.spawn(\"ls\", [\"-l\"])`; a shell's line is \
                 `process.spawn(\"sh\", [\"-c\", line])`"
            }
            Some(Errno::NOENT) if is_path => "there is no such program",
            Some(Errno::NOENT) => "no such program is in a directory of `PATH`",
            Some(Errno::ACCESS) => "is it a program, and may it be executed (`chmod +x`)?",
            Some(Errno::NOEXEC) => "it is no program; a script starts with a line like `#!/bin/sh`",
            Some(Errno::TOOBIG) => "send what is long through stdin or a file",
            _ => return failed(doing, error),
        };
        failed_with(doing, error, mend)
    }
}

impl Choice {
    fn of(value: ValueRef<'_>, name: &str) -> Result<Self, Error> {
        let (input, error) = (name == "stdin", name == "stderr");
        match value.as_str() {
            Some("pipe") => return Ok(Self::Pipe),
            Some("null") => return Ok(Self::Null),
            Some("inherit") => return Ok(Self::Inherit),
            Some("stdout") if error => return Ok(Self::Stdout),
            _ => {}
        }
        match (value.object::<Reader>(), value.object::<Writer>()) {
            (Some(reader), _) if input => return Ok(Self::From(reader.clone())),
            (_, Some(writer)) if !input => return Ok(Self::To(writer.clone())),
            _ => {}
        }
        let other = match name {
            "stdin" => "or the stdout of another process",
            "stdout" => "or the stdin of another process",
            _ => "\"stdout\", or the stdin of another process",
        };
        let kind = if value.as_str().is_some() { ErrorKind::Value } else { ErrorKind::Type };
        let text = format!(
            "argument `{name}`: expected \"pipe\", \"null\", \"inherit\", {other}, got {}",
            value.literal()
        );
        Err(Error::new(kind, text))
    }

    /// The descriptor that the process gets, if it is no pipe to us.
    fn given(&self, ours: impl AsFd) -> Result<OwnedFd, Error> {
        let made = match self {
            Self::From(reader) => return reader.give(),
            Self::To(writer) => return writer.give(),
            Self::Null => {
                let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null");
                null.map(OwnedFd::from)
            }
            Self::Pipe | Self::Inherit | Self::Stdout => ours.as_fd().try_clone_to_owned(),
        };
        made.map_err(|error| failed("a stream of a process", &error))
    }
}
