//! What threads spend their time on, and what they copy: a profile.
//!
//! The interpreter finds out (`interp/sample.rs`), the [`Profiler`] keeps it, a [`Profile`] is what
//! the host gets of it. Only a VM whose host wants to know has a profiler, with a kernel thread that
//! makes its [`Clock`] tick.

#![expect(unsafe_code, reason = "the standard library does not know a thread's CPU time")]

use std::{
    collections::{BTreeMap, HashMap},
    fmt, io,
    mem::MaybeUninit,
    sync::Arc,
    time::Duration,
};

use crate::{
    atomics::{AtomicU32, Condvar, Mutex, Ordering, thread},
    error::{Frame, Place},
    link::Proto,
    rc::LargeCopy,
    thread::Frames,
    value::tag,
};

/// How often the clock ticks.
const TICK: Duration = Duration::from_millis(1);
/// So many calls are kept of a sample, the innermost ones.
const DEPTH: usize = 200;
/// Past so many different stacks only the innermost call is kept of a sample.
const STACKS: usize = 100_000;

/// Says when it is time for a sample.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    /// Written by the ticker, read by any LWP. Relaxed: it orders nothing.
    ticks: AtomicU32,
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Clock {
    /// How often it has ticked.
    #[inline(always)]
    pub(crate) fn ticks(&self) -> u32 {
        self.ticks.load(Ordering::Relaxed)
    }

    /// Ticks until it is stopped.
    fn run(&self) {
        let mut stopped = self.stopped.lock();
        while !*stopped {
            stopped = self.changed.wait_timeout(stopped, TICK);
            self.ticks.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Collects what the interpreter finds out.
#[derive(Debug)]
pub(crate) struct Profiler {
    clock: Arc<Clock>,
    ticker: Option<thread::JoinHandle>,
    /// Taken by LWPs once a tick, and for each large copy.
    found: Mutex<Found>,
}

#[derive(Debug, Default)]
struct Found {
    /// The places by code and line. Code lives as long as the VM, so its address is its name.
    numbers: HashMap<(usize, usize), usize>,
    /// What is known of each place, by its number.
    frames: Vec<Frame>,
    /// The CPU time of each stack of places, the innermost first.
    stacks: HashMap<Box<[usize]>, Duration>,
    /// By the place and the kind.
    copies: HashMap<(Option<usize>, u64), Copies>,
}

impl Profiler {
    /// A profiler whose clock ticks; an error is the kernel's refusal of a kernel thread.
    pub(crate) fn start() -> io::Result<Self> {
        let clock = Arc::new(Clock::default());
        let ticking = clock.clone();
        let ticker = thread::start("lisle profiler".into(), 64 << 10, move || ticking.run())?;
        Ok(Self { clock, ticker: Some(ticker), found: Mutex::default() })
    }

    /// Its clock.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// A thread with these calls has used so much CPU time.
    pub(crate) fn sampled(&self, frames: Frames<'_>, used: Duration) {
        let mut found = self.found.lock();
        let depth = if found.stacks.len() < STACKS { DEPTH } else { 1 };
        let stack: Box<[usize]> =
            frames.take(depth).map(|frame| found.number(frame.proto, frame.index)).collect();
        // Between its start and its function a thread has none.
        if !stack.is_empty() {
            *found.stacks.entry(stack).or_default() += used;
        }
    }

    /// A thread with these calls has copied a value that somebody else had, too.
    pub(crate) fn copied(&self, frames: Frames<'_>, copy: LargeCopy) {
        let mut found = self.found.lock();
        let mut place = None;
        for frame in frames {
            let number = found.number(frame.proto, frame.index);
            if found.frames[number].place.is_some() {
                place = Some(number);
                break;
            }
        }
        let at = place.and_then(|number| found.frames[number].place.clone());
        let copies = found.copies.entry((place, copy.tag)).or_insert_with(|| Copies {
            place: at,
            kind: tag::name(copy.tag),
            times: 0,
            shortest: copy.length,
            longest: copy.length,
            bytes: 0,
        });
        copies.times += 1;
        copies.shortest = copies.shortest.min(copy.length);
        copies.longest = copies.longest.max(copy.length);
        copies.bytes += copy.bytes as u64;
    }

    /// What was found out so far.
    pub(crate) fn profile(&self) -> Profile {
        let found = self.found.lock();
        let frame = |&number: &usize| found.frames[number].clone();
        let stacks = found.stacks.iter();
        let mut stacks: Vec<Stack> = stacks
            .map(|(stack, &time)| Stack { frames: stack.iter().map(frame).collect(), time })
            .collect();
        let mut copies: Vec<Copies> = found.copies.values().cloned().collect();
        drop(found);
        stacks.sort_by_key(|stack| std::cmp::Reverse(stack.time));
        copies.sort_by_key(|copies| std::cmp::Reverse(copies.bytes));
        Profile { stacks, copies }
    }
}

impl Drop for Profiler {
    fn drop(&mut self) {
        *self.clock.stopped.lock() = true;
        self.clock.changed.notify_all();
        if let Some(ticker) = self.ticker.take() {
            ticker.join();
        }
    }
}

impl Found {
    /// The number of a place: those on one line of a function have one, and all of a function that
    /// is built in.
    fn number(&mut self, proto: &Proto, index: u32) -> usize {
        let (source, span) = (proto.source(), proto.span_at(index));
        let line = source.line_column(span.start).0;
        let next = self.frames.len();
        let number = *self.numbers.entry((proto.code.addr(), line)).or_insert(next);
        if number == next {
            self.frames.push(Frame::new(&proto.label, source, span));
        }
        number
    }
}

/// The CPU time that the calling kernel thread has used.
pub(crate) fn cpu_time() -> Duration {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: the call writes one `timespec`, and where it fails the zeros are one.
    let time = unsafe {
        libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, time.as_mut_ptr());
        time.assume_init()
    };
    let part = |n: i64| u64::try_from(n).unwrap_or(0);
    Duration::from_secs(part(time.tv_sec)) + Duration::from_nanos(part(time.tv_nsec))
}

/// What a VM's threads have spent their time on: see [`Vm::profile`](crate::Vm::profile).
#[derive(Clone, Debug, Default)]
pub struct Profile {
    stacks: Vec<Stack>,
    copies: Vec<Copies>,
}

/// The calls that were going on in samples, and the CPU time that goes to them.
#[derive(Clone, Debug)]
pub struct Stack {
    /// The calls, the innermost first; of very many the outermost are left out.
    pub frames: Vec<Frame>,
    /// The CPU time of the kernel threads that ran them.
    pub time: Duration,
}

/// Copies of values, of 4 KiB at least, that were made at one place because somebody else had the
/// value too when it was to be changed. Displays as
/// `sum.lisle:12 copied a list of 40,000 elements 300 times (183.1 MiB)`.
#[derive(Clone, Debug)]
pub struct Copies {
    /// Where; `None` when no text of the host's was involved.
    pub place: Option<Place>,
    /// What was copied: `list`, `map`, `string` and so on.
    pub kind: &'static str,
    /// How often.
    pub times: u64,
    /// The elements, entries or fields of the shortest one; of a text and of bytes its bytes.
    pub shortest: usize,
    /// The same of the longest.
    pub longest: usize,
    /// The bytes of all copies together.
    pub bytes: u64,
}

impl Profile {
    /// The stacks of calls, the one with the most time first.
    pub fn stacks(&self) -> &[Stack] {
        &self.stacks
    }

    /// The large copies, those with the most bytes first.
    pub fn copies(&self) -> &[Copies] {
        &self.copies
    }

    /// The stacks in the form that tools for flame graphs read: on each line the calls, the outermost
    /// first, as `main (sum.lisle:12);list.map;double (sum.lisle:3) 1500`, with microseconds at the end.
    pub fn folded(&self) -> String {
        let mut times = BTreeMap::<String, u128>::new();
        for stack in &self.stacks {
            let calls: Vec<String> = stack.frames.iter().rev().map(call).collect();
            *times.entry(calls.join(";")).or_default() += stack.time.as_micros();
        }
        let counted = times.iter().filter(|&(_, &time)| time > 0);
        counted.map(|(calls, time)| format!("{calls} {time}\n")).collect()
    }
}

/// A call as a flame graph shows it: without what separates calls and lines.
fn call(frame: &Frame) -> String {
    let text = match &frame.place {
        Some(place) => format!("{} ({}:{})", frame.function, place.source(), place.line()),
        None => frame.function.clone(),
    };
    text.replace([';', '\n', '\r'], ":")
}

impl fmt::Display for Copies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{}:{}", place.source(), place.line())?,
            None => f.write_str("built-in code")?,
        }
        let (what, parts) = match self.kind {
            "map" => ("a map of ", "entries"),
            "struct" => ("a struct of ", "fields"),
            "string" => ("a string of ", "bytes"),
            "bytes" => ("", "bytes"),
            "set" => ("a set of ", "elements"),
            _ => ("a list of ", "elements"),
        };
        write!(f, " copied {what}")?;
        if self.shortest != self.longest {
            write!(f, "{} to ", grouped(self.shortest as u64))?;
        }
        write!(f, "{} {parts} ", grouped(self.longest as u64))?;
        match self.times {
            1 => f.write_str("once")?,
            n => write!(f, "{} times", grouped(n))?,
        }
        write!(f, " ({:.1} MiB)", self.bytes as f64 / f64::from(1 << 20))
    }
}

/// A number with commas.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
