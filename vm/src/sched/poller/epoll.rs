//! Linux: `epoll`, and an `eventfd` for the kick.
//!
//! Sources are added once, for both directions and on the edge. Time is handed to `epoll_pwait2` in
//! nanoseconds; a kernel before 5.11, which has none, gets milliseconds, rounded up.

#![expect(unsafe_code, reason = "system calls that the standard library has no name for")]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use super::Event;
use crate::atomics::{AtomicBool, Ordering};

/// How many events one poll takes at most.
const BATCH: usize = 128;

/// The kernel's side of a poller.
pub(super) struct Kernel {
    epoll: OwnedFd,
    bell: OwnedFd,
    /// The kernel does not know `epoll_pwait2`. A hint, set by whoever found out.
    coarse: AtomicBool,
}

/// What one poll told.
pub(super) struct Events {
    list: [libc::epoll_event; BATCH],
    count: usize,
}

impl Events {
    pub(super) fn new() -> Self {
        Self { list: [libc::epoll_event { events: 0, u64: 0 }; BATCH], count: 0 }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Event> {
        self.list[..self.count].iter().map(|event| {
            let (bits, key) = (event.events.cast_signed(), event.u64);
            // What has failed, or hung up, is ready for both: trying tells what it is.
            let both = bits & (libc::EPOLLERR | libc::EPOLLHUP) != 0;
            let lasting = both || bits & (libc::EPOLLRDHUP | libc::EPOLLPRI) != 0;
            let readable = lasting || bits & libc::EPOLLIN != 0;
            Event { key, readable, writable: both || bits & libc::EPOLLOUT != 0, lasting }
        })
    }
}

fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

impl Kernel {
    /// A poller whose kick has the key `kick`.
    pub(super) fn new(kick: u64) -> io::Result<Self> {
        // SAFETY: takes no pointers; the result is a new descriptor or an error.
        let epoll = checked(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: the descriptor is new and nobody else's.
        let epoll = unsafe { OwnedFd::from_raw_fd(epoll) };
        // SAFETY: takes no pointers; the result is a new descriptor or an error.
        let bell = checked(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        // SAFETY: the descriptor is new and nobody else's.
        let bell = unsafe { OwnedFd::from_raw_fd(bell) };
        let kernel = Self { epoll, bell, coarse: AtomicBool::new(false) };
        kernel.control(libc::EPOLL_CTL_ADD, kernel.bell.as_raw_fd(), libc::EPOLLIN, kick)?;
        Ok(kernel)
    }

    /// Watches a descriptor.
    pub(super) fn add(&self, descriptor: RawFd, key: u64) -> io::Result<()> {
        let news = libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLPRI;
        let what = news | libc::EPOLLET;
        self.control(libc::EPOLL_CTL_ADD, descriptor, what, key)
    }

    /// Watches it no more.
    pub(super) fn remove(&self, descriptor: RawFd) {
        // One that could not be added is not there.
        let _ = self.control(libc::EPOLL_CTL_DEL, descriptor, 0, 0);
    }

    fn control(&self, what: i32, descriptor: RawFd, events: i32, key: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: events.cast_unsigned(), u64: key };
        // SAFETY: the event lives during the call, which only reads it.
        let done =
            unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), what, descriptor, &raw mut event) };
        checked(done).map(drop)
    }

    /// Waits for events, for about `limit` at most. A signal may end it early.
    pub(super) fn wait(&self, events: &mut Events, limit: Option<Duration>) {
        let found = if limit.is_some_and(|limit| limit.is_zero()) {
            self.wait_millis(events, 0)
        } else {
            self.wait_precisely(events, limit)
        };
        events.count = usize::try_from(found).unwrap_or(0);
    }

    fn wait_precisely(&self, events: &mut Events, limit: Option<Duration>) -> i64 {
        if self.coarse.load(Ordering::Relaxed) {
            let millis = limit.map_or(-1, |limit| {
                i32::try_from(limit.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
            });
            return self.wait_millis(events, millis);
        }
        let span = limit.map(|limit| libc::timespec {
            tv_sec: libc::time_t::try_from(limit.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: libc::c_long::from(limit.subsec_nanos().cast_signed()),
        });
        let span = span.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: the list has room for so many events and the span, if there is one, lives during
        // the call; no signal mask is given.
        let found = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.epoll.as_raw_fd(),
                events.list.as_mut_ptr(),
                BATCH as libc::c_int,
                span,
                std::ptr::null::<libc::sigset_t>(),
                0_usize,
            )
        };
        if found < 0 && io::Error::last_os_error().raw_os_error() == Some(libc::ENOSYS) {
            self.coarse.store(true, Ordering::Relaxed);
            return self.wait_precisely(events, limit);
        }
        found
    }

    fn wait_millis(&self, events: &mut Events, millis: i32) -> i64 {
        let (list, epoll) = (events.list.as_mut_ptr(), self.epoll.as_raw_fd());
        // SAFETY: the list has room for so many events.
        i64::from(unsafe { libc::epoll_wait(epoll, list, BATCH as libc::c_int, millis) })
    }

    /// Ends the wait that is on, or the next one.
    pub(super) fn kick(&self) {
        let one = 1_u64;
        let (bell, from) = (self.bell.as_raw_fd(), (&raw const one).cast());
        loop {
            // SAFETY: the eight bytes live during the call.
            let written = unsafe { libc::write(bell, from, 8) };
            // When it fails because the count is at its limit the bell rings anyway.
            if written >= 0 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                return;
            }
        }
    }

    /// The kick has been noticed.
    pub(super) fn take_kick(&self) {
        let mut count = 0_u64;
        let (bell, to) = (self.bell.as_raw_fd(), (&raw mut count).cast());
        // SAFETY: the eight bytes live during the call. It fails when nobody has kicked.
        let _ = unsafe { libc::read(bell, to, 8) };
    }
}
