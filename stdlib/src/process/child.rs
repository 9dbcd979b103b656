//! Processes that were started: how they end, and that no trace of them is left.
//!
//! 1. The kernel keeps a process that has ended until its parent asks how. Here that is asked under
//!    a lock, once; the answer is kept. While it is not known, the number of the process is its own,
//!    so a signal cannot go to somebody else.
//! 2. Waiting is for a descriptor of the process (a pidfd), which can be read when it has ended, and
//!    from then on: the threads that wait are woken one by one, each passes it on.
//! 3. When the handle is dropped before the end is known, the poller asks when it comes.
//! 4. A kernel without such descriptors is asked again and again by a call that blocks, and a dropped
//!    process stays in its table until this one ends.

use std::{
    io,
    os::{fd::OwnedFd, unix::process::ExitStatusExt},
    process,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use lisle_vm::{
    Context, Error, ErrorKind, HostObject, HostType, Interest, Poller, Reply, Waited, Watched,
};
use rustix::process::{Pid, Signal};

use super::pipe::{Reader, Writer};
use crate::{
    arguments::Limit,
    failure::{failed, timed_out},
};

/// Our ends of the pipes of a process.
pub(super) struct Pipes {
    stdin: Option<Arc<Writer>>,
    stdout: Option<Arc<Reader>>,
    stderr: Option<Arc<Reader>>,
}

impl Pipes {
    pub(super) fn new(
        stdin: Option<Writer>,
        stdout: Option<Reader>,
        stderr: Option<Reader>,
    ) -> Self {
        Self {
            stdin: stdin.map(Arc::new),
            stdout: stdout.map(Arc::new),
            stderr: stderr.map(Arc::new),
        }
    }
}

/// A process that was started.
pub(super) struct Child {
    cmd: String,
    pid: u32,
    pipes: Pipes,
    end: Arc<Mutex<End>>,
    /// `None` where the kernel has no such descriptors.
    watched: Option<(Arc<OwnedFd>, Watched<Arc<OwnedFd>>)>,
    poller: Poller,
}

/// A process that the script has not been given yet. If it never is, because its thread was cancelled
/// while it was being started, the start has no effect: it is killed.
pub(super) struct Started(Option<Child>);

impl Started {
    pub(super) fn new(child: Child) -> Self {
        Self(Some(child))
    }

    pub(super) fn hand_over(mut self) -> Child {
        self.0.take().expect("it is handed over once")
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(child) = &self.0 {
            // An error says that it has ended.
            let _ = child.kill("KILL");
        }
    }
}

/// How a process ends.
struct End {
    process: process::Child,
    /// Once it is known.
    status: Option<i32>,
}

impl End {
    /// The exit status, if it has ended.
    fn look(&mut self) -> io::Result<Option<i32>> {
        if self.status.is_none()
            && let Some(status) = self.process.try_wait()?
        {
            let signal = || 128 + status.signal().unwrap_or(0);
            self.status = Some(status.code().unwrap_or_else(signal));
        }
        Ok(self.status)
    }
}

impl Child {
    pub(super) fn new(process: process::Child, cmd: String, pipes: Pipes, poller: Poller) -> Self {
        let pid = process.id();
        let watched = pidfd(pid).and_then(|fd| {
            let fd = Arc::new(fd);
            Some((fd.clone(), poller.watch(fd).ok()?))
        });
        let end = Arc::new(Mutex::new(End { process, status: None }));
        Self { cmd, pid, pipes, end, watched, poller }
    }

    fn wait(self: &Arc<Self>, limit: Option<Duration>) -> Reply {
        let (this, end) = (self.clone(), self.end.clone());
        let Some((_, watched)) = &self.watched else {
            return Reply::eager(move || {
                let ended = wait_blocking(&end, limit).map_err(|error| this.failed(&error))?;
                ended.ok_or_else(|| this.not_ended())
            });
        };
        let attempt = move |_: &Arc<OwnedFd>| {
            lock(&end).look()?.ok_or_else(|| io::ErrorKind::WouldBlock.into())
        };
        Reply::io(watched, Interest::Read, limit, attempt, move |waited| match waited {
            Waited::Done(Ok(status)) => Reply::now(status),
            Waited::Done(Err(error)) => Err(this.failed(&error)),
            Waited::TimedOut | Waited::Closed => Err(this.not_ended()),
        })
    }

    /// Sends a signal; false when it has ended before.
    fn kill(&self, signal: &str) -> Result<bool, Error> {
        let signal = signal_named(signal)?;
        let mut end = lock(&self.end);
        let doing = |error: io::Error| failed(&format!("kill `{}`", self.cmd), &error);
        if end.look().map_err(doing)?.is_some() {
            return Ok(false);
        }
        let Some(pid) = Pid::from_raw(end.process.id().cast_signed()) else { return Ok(false) };
        rustix::process::kill_process(pid, signal).map_err(|error| doing(error.into()))?;
        Ok(true)
    }

    fn failed(&self, error: &io::Error) -> Error {
        failed(&format!("wait for `{}`", self.cmd), error)
    }

    fn not_ended(&self) -> Error {
        timed_out(&format!("wait for `{}`", self.cmd))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // An error says that there is nothing to ask about.
        if !matches!(lock(&self.end).look(), Ok(None)) {
            return;
        }
        let fd = match self.watched.take() {
            Some((fd, watched)) => {
                // One descriptor is watched once.
                watched.close();
                Some(fd)
            }
            // There may have been too many files open.
            None => pidfd(self.pid).map(Arc::new),
        };
        if let Some(fd) = fd {
            let end = self.end.clone();
            // When the VM ends before, nobody is left to ask.
            let _ = self.poller.once(fd, Interest::Read, move |_| drop(lock(&end).look()));
        }
    }
}

#[cfg(target_os = "linux")]
fn pidfd(pid: u32) -> Option<OwnedFd> {
    let flags = rustix::process::PidfdFlags::empty();
    rustix::process::pidfd_open(Pid::from_raw(pid.cast_signed())?, flags).ok()
}

#[cfg(not(target_os = "linux"))]
fn pidfd(_: u32) -> Option<OwnedFd> {
    None
}

/// Asks until the process has ended; `None` when the time is up before.
fn wait_blocking(end: &Mutex<End>, limit: Option<Duration>) -> io::Result<Option<i32>> {
    const LONGEST: Duration = Duration::from_millis(20);
    let until = limit.and_then(|limit| Instant::now().checked_add(limit));
    let mut pause = Duration::from_micros(200);
    loop {
        let status = lock(end).look()?;
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        if status.is_some() || left.is_some_and(|left| left.is_zero()) {
            return Ok(status);
        }
        std::thread::sleep(pause.min(left.unwrap_or(pause)));
        pause = (pause * 2).min(LONGEST);
    }
}

fn lock(end: &Mutex<End>) -> MutexGuard<'_, End> {
    end.lock().unwrap_or_else(PoisonError::into_inner)
}

fn signal_named(name: &str) -> Result<Signal, Error> {
    const ALL: [(&str, Signal); 14] = [
        ("TERM", Signal::TERM),
        ("KILL", Signal::KILL),
        ("INT", Signal::INT),
        ("HUP", Signal::HUP),
        ("QUIT", Signal::QUIT),
        ("STOP", Signal::STOP),
        ("CONT", Signal::CONT),
        ("TSTP", Signal::TSTP),
        ("USR1", Signal::USR1),
        ("USR2", Signal::USR2),
        ("ALRM", Signal::ALARM),
        ("PIPE", Signal::PIPE),
        ("ABRT", Signal::ABORT),
        ("WINCH", Signal::WINCH),
    ];
    let short = name.strip_prefix("SIG").unwrap_or(name);
    ALL.iter().find(|(name, _)| *name == short).map(|(_, signal)| *signal).ok_or_else(|| {
        let names: Vec<_> = ALL.iter().map(|(name, _)| *name).collect();
        let text = format!("no signal `{name}`; there are {}", names.join(" "));
        Error::new(ErrorKind::Value, text)
    })
}

impl HostObject for Child {
    fn host_type() -> &'static HostType<Self> {
        static TYPE: LazyLock<HostType<Child>> =
            LazyLock::new(|| {
                HostType::new("process")
                .property("pid", "Its number.", |this: &Child| this.pid)
                .property("stdin", "Where it reads from; nil if that is no pipe.", |this: &Child| {
                    this.pipes.stdin.clone()
                })
                .property("stdout", "What it writes; nil if that is no pipe.", |this: &Child| {
                    this.pipes.stdout.clone()
                })
                .property("stderr", "Its errors; nil if that is no pipe.", |this: &Child| {
                    this.pipes.stderr.clone()
                })
                .raw(
                    "wait(timeout = nil)",
                    "Waits for its end; gives its exit status, 128 and the signal's number if one \
                     has ended it.",
                    |this: &Arc<Child>, context: &mut Context<'_, '_>| {
                        Ok(this.wait(context.get::<Limit>(0)?.0))
                    },
                )
                .method(
                    "kill(signal = \"TERM\")",
                    "Sends it a signal; false when it has ended before.",
                    |this: &Child, signal: &str| this.kill(signal),
                )
            });
        &TYPE
    }
}

#[cfg(test)]
mod tests {
    use super::{End, Mutex, process, wait_blocking};
    use std::{process::Stdio, time::Duration};

    /// What is done where the kernel has no pidfds.
    #[test]
    fn a_process_is_waited_for_without_a_descriptor() -> std::io::Result<()> {
        let mut process = process::Command::new("sh")
            .args(["-c", "read line; exit 3"])
            .stdin(Stdio::piped())
            .spawn()?;
        let stdin = process.stdin.take();
        let end = Mutex::new(End { process, status: None });
        assert_eq!(wait_blocking(&end, Some(Duration::from_millis(1)))?, None);
        drop(stdin);
        assert_eq!(wait_blocking(&end, None)?, Some(3));
        assert_eq!(wait_blocking(&end, Some(Duration::ZERO))?, Some(3));
        Ok(())
    }
}
