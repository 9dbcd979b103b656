//! `os`: the process and what surrounds it.

use std::{
    env, fs, process,
    sync::{Arc, LazyLock},
    thread,
};

use lisle_vm::{
    Context, Entries, Error, ErrorKind, HostObject, HostType, ModuleBuilder, Object, Reply, Stream,
};

/// The module.
pub(crate) fn module() -> ModuleBuilder {
    ModuleBuilder::new("os", "The process and what surrounds it.")
        .value_of_args("args", "The program's arguments, without its own name.", <[String]>::to_vec)
        .value("stdin", "What the program reads.", Object(Stdin))
        .value("stdout", "Where `print` writes.", Object(Out(|context| context.stdout())))
        .value("stderr", "Where `eprint` writes.", Object(Out(|context| context.stderr())))
        .function(
            "env(name, default = nil)",
            "The environment variable, or the default when it is not set.",
            |name: &str, default: Option<String>| variable(name).or(default),
        )
        .function("vars()", "All environment variables, as a map.", variables)
        .raw("exit(code = 0)", "Ends the program at once, without defers.", exit)
        .function("pid()", "The number of the process.", process::id)
        .function("cwd()", "The current directory.", cwd)
        .function("cpus()", "How many CPUs this process may use.", || {
            thread::available_parallelism().map_or(1, usize::from)
        })
        .function("hostname()", "The name of this machine.", hostname)
        .object::<Out>("What `os.stdout` and `os.stderr` are.")
        .object::<Stdin>("What `os.stdin` is.")
}

/// Names that are no variable's are as good as unset; a value that is no text has its bad bytes
/// replaced.
fn variable(name: &str) -> Option<String> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return None;
    }
    env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

fn variables() -> Entries<String, String> {
    let mut all: Vec<_> = env::vars_os()
        .map(|(name, value)| {
            (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
        })
        .collect();
    all.sort();
    Entries(all)
}

fn exit(context: &mut Context<'_, '_>) -> Result<Reply, Error> {
    let code = context.get::<i64>(0)?;
    match i32::try_from(code) {
        Ok(code @ 0..=255) => Err(context.exit(code)),
        _ => Err(Error::new(ErrorKind::Value, format!("an exit status is 0 to 255, not {code}"))),
    }
}

fn cwd() -> Result<String, Error> {
    let path = env::current_dir().map_err(|e| Error::from(e).context("the current directory"))?;
    match path.into_os_string().into_string() {
        Ok(path) => Ok(path),
        Err(path) => {
            let message = format!("the current directory is not valid UTF-8: {}", path.display());
            Err(Error::new(ErrorKind::Io, message))
        }
    }
}

fn hostname() -> String {
    let named = ["/proc/sys/kernel/hostname", "/etc/hostname"]
        .iter()
        .find_map(|path| fs::read_to_string(path).ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty());
    named.or_else(|| variable("HOSTNAME")).unwrap_or_else(|| "localhost".into())
}

/// `os.stdout` and `os.stderr`: which of them the function says.
struct Out(fn(&Context<'_, '_>) -> Stream);

impl HostObject for Out {
    fn host_type() -> &'static HostType<Self> {
        static TYPE: LazyLock<HostType<Out>> = LazyLock::new(|| {
            HostType::new("output")
                .raw("write(text)", "Writes a text, without a newline.", write)
                .raw("flush()", "Writes out what is in the buffer.", flush)
        });
        &TYPE
    }
}

fn write(out: &Arc<Out>, context: &mut Context<'_, '_>) -> Result<Reply, Error> {
    let stream = (out.0)(context);
    if stream.append(context.get::<&str>(0)?) { later_flush(stream) } else { Reply::now(()) }
}

fn flush(out: &Arc<Out>, context: &mut Context<'_, '_>) -> Result<Reply, Error> {
    later_flush((out.0)(context))
}

fn later_flush(stream: Stream) -> Result<Reply, Error> {
    Ok(Reply::later(move || stream.flush()))
}

/// `os.stdin`.
struct Stdin;

impl HostObject for Stdin {
    fn host_type() -> &'static HostType<Self> {
        static TYPE: LazyLock<HostType<Stdin>> = LazyLock::new(|| {
            HostType::new("input")
                .raw(
                    "read(n = nil)",
                    "At most `n` bytes of text, all without `n`; \"\" at the end.",
                    read,
                )
                .raw(
                    "read_line()",
                    "The next line without its end; nil when there is none.",
                    read_line,
                )
                .raw("lines()", "The lines that are left, for a loop.", |_, _| {
                    Reply::now(Object(Stdin))
                })
                .raw("next()", "The next line, for a loop.", read_line)
        });
        &TYPE
    }
}

fn read(_: &Arc<Stdin>, context: &mut Context<'_, '_>) -> Result<Reply, Error> {
    match context.get::<Option<usize>>(0)? {
        Some(0) => Reply::now(""),
        Some(limit) => Ok(context.stdin().read_some(limit)),
        None => Ok(context.stdin().read_all()),
    }
}

fn read_line(_: &Arc<Stdin>, context: &mut Context<'_, '_>) -> Result<Reply, Error> {
    Ok(context.stdin().read_line())
}
