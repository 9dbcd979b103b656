//! Kernel threads that the kernel may refuse.
//!
//! The standard library's are not made for a process at its limits: a new one first maps a stack for
//! its signal handlers, and ends the process when it cannot. Here all that a thread needs is there
//! before it starts, or the caller has an error. The price: a native of the host that overflows its
//! kernel thread's stack is stopped by the kernel without a word.
//!
//! A process whose last page went to a thread is lost all the same, with its next allocation. So who
//! starts threads without a bound asks first whether there [is room](has_room) for more than that.

#![expect(unsafe_code, reason = "the threads of the system's library")]

use std::ffi::c_void;
use std::io;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

/// The stack of a thread that asks for none in particular. What is not touched costs nothing but
/// addresses.
const STACK: usize = 2 << 20;
/// Stacks are a multiple of this, which is one of every system's page.
const GRAIN: usize = 64 << 10;
/// What must be left besides a new thread's stack.
const RESERVE: usize = 16 << 20;

type Body = Box<dyn FnOnce() + Send>;

/// A kernel thread that was started. It goes on when this is dropped.
#[derive(Debug)]
pub struct JoinHandle(Option<libc::pthread_t>);

impl JoinHandle {
    /// Waits for its end. A panic in it has been reported by the panic itself.
    pub fn join(mut self) {
        if let Some(thread) = self.0.take() {
            // SAFETY: it was started joinable, and is joined or detached once, by whoever takes it.
            unsafe { libc::pthread_join(thread, ptr::null_mut()) };
        }
    }
}

impl Drop for JoinHandle {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            // SAFETY: as in `join`.
            unsafe { libc::pthread_detach(thread) };
        }
    }
}

fn stack_size(wanted: usize) -> usize {
    let wanted = if wanted == 0 { STACK } else { wanted };
    wanted.max(libc::PTHREAD_STACK_MIN).checked_next_multiple_of(GRAIN).unwrap_or(wanted)
}

/// Starts a kernel thread with a stack of so many bytes, 0 for the usual; an error is the kernel's
/// refusal.
pub fn start<F>(name: String, stack_bytes: usize, f: F) -> io::Result<JoinHandle>
where
    F: FnOnce() + Send + 'static,
{
    let named = move || {
        set_name(&name);
        f();
    };
    let body: *mut Body = Box::into_raw(Box::new(Box::new(named)));
    let mut attributes = MaybeUninit::uninit();
    let attributes = attributes.as_mut_ptr();
    let mut thread = MaybeUninit::uninit();
    // SAFETY: the attributes are made before they are used and destroyed after; `begin` gets the box
    // that it takes for its own.
    let refused = unsafe {
        match libc::pthread_attr_init(attributes) {
            0 => {
                let mut code = libc::pthread_attr_setstacksize(attributes, stack_size(stack_bytes));
                if code == 0 {
                    code =
                        libc::pthread_create(thread.as_mut_ptr(), attributes, begin, body.cast());
                }
                libc::pthread_attr_destroy(attributes);
                code
            }
            code => code,
        }
    };
    if refused != 0 {
        // SAFETY: no thread was started, so the box is still ours.
        drop(unsafe { Box::from_raw(body) });
        return Err(io::Error::from_raw_os_error(refused));
    }
    // SAFETY: written by the call that succeeded.
    Ok(JoinHandle(Some(unsafe { thread.assume_init() })))
}

extern "C" fn begin(body: *mut c_void) -> *mut c_void {
    // SAFETY: `start` gives each box to one thread.
    let body = unsafe { Box::from_raw(body.cast::<Body>()) };
    // Unwind safe: nobody sees what the closure had.
    let _ = catch_unwind(AssertUnwindSafe(*body));
    ptr::null_mut()
}

/// Gives the calling thread the name that the kernel lists it by.
fn set_name(name: &str) {
    #[cfg(target_os = "linux")]
    {
        /// The kernel's limit, with the zero at the end.
        const LENGTH: usize = 16;
        let mut bytes = [0_u8; LENGTH];
        let end = name.len().min(LENGTH - 1);
        bytes[..end].copy_from_slice(&name.as_bytes()[..end]);
        // SAFETY: the option reads a text of at most so many bytes that ends in a zero.
        unsafe { libc::prctl(libc::PR_SET_NAME, bytes.as_ptr()) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = name;
}

/// Would there be addresses and mappings left after one more thread with a stack of so many bytes?
pub fn has_room(stack_bytes: usize) -> io::Result<()> {
    let length = stack_size(stack_bytes).saturating_add(RESERVE);
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping touches nothing that is there.
    let start = unsafe { libc::mmap(ptr::null_mut(), length, libc::PROT_NONE, flags, -1, 0) };
    if start == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // A piece of other rights in its middle makes three mappings of one.
    // SAFETY: the piece lies in the mapping, which nobody else knows.
    let split = unsafe { libc::mprotect(start.byte_add(GRAIN), GRAIN, libc::PROT_READ) };
    let outcome = if split == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
    // SAFETY: the mapping is this function's own.
    unsafe { libc::munmap(start, length) };
    outcome
}
