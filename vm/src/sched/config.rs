//! What a host says about a scheduler, and what it hears from it.

use std::fmt;
use std::io;
use std::time::Duration;

use super::idle::PROCESSORS_MAX;

/// How a scheduler is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How many threads run at once at most. At least one; more than CPUs is allowed.
    pub processors: usize,
    /// The most LWPs; by default 64 or 8 per CPU, whichever is more. Raised to two per processor
    /// and one more if it is less: with fewer, blocking calls could stop everything.
    pub max_lwps: usize,
    /// The seed of all random choices; `None` for a different one each time.
    pub seed: Option<u64>,
    /// The stack of an LWP in bytes; 0 for two megabytes, which is plenty. An LWP touches a few pages of
    /// it, so 10,000 bound threads take addresses rather than memory.
    pub lwp_stack_bytes: usize,
    /// How long an LWP sleeps before it leaves.
    pub idle_exit: Duration,
    /// Time moves with the fuel that threads use, and jumps to the next timer when nothing can run.
    pub virtual_time: bool,
}

impl Default for Config {
    fn default() -> Self {
        // Once: finding out takes the system a quarter of a millisecond.
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            processors: cpus,
            max_lwps: (8 * cpus).max(64),
            seed: None,
            lwp_stack_bytes: 0,
            idle_exit: Duration::from_secs(10),
            virtual_time: false,
        }
    }
}

impl Config {
    /// The same with all defaults and limits applied.
    pub(super) fn settled(mut self) -> Self {
        self.processors = self.processors.clamp(1, PROCESSORS_MAX);
        let least = self.processors * super::call::LWPS_PER_PROCESSOR + 1;
        self.max_lwps = self.max_lwps.clamp(least, LWPS_MAX);
        self
    }
}

/// More would not fit the idle word, and no kernel would make them.
const LWPS_MAX: usize = 1 << 15;

/// What the scheduler tells its host.
pub trait Hooks: Send + Sync {
    /// No thread can run and nothing that could change that is left: no live timer, no call, no
    /// [`Hold`](super::Hold). Called once per stall, by an LWP or the monitor, with no lock held.
    /// It may make threads ready. False says that somebody outside is about to take a hold, or just
    /// has: then this is no stall, and the question is asked again when a hold is let go.
    #[must_use]
    fn stalled(&self) -> bool;
}

/// The kernel would not give the threads a scheduler needs.
#[derive(Debug)]
pub struct StartError {
    pub(super) source: io::Error,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the kernel refused a thread for the scheduler")
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
