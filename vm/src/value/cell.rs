//! Cells: handles of values that everyone in one user thread who has them sees and may change.
//!
//! A cell is shared from birth, as all handles are, but what is in it belongs to one user thread and
//! stays local. So the content does not stand in the object: it stands in the [`CellDomain`] of the
//! thread, and the object says where.
//!
//! # Invariants
//!
//! - The contents of a domain are touched only while the heap that has it is the current one of the
//!   kernel thread, and one heap at a time has it: a user thread's, or those of a session's
//!   evaluations one after the other.
//! - A content is in use by one cell, or free. A cell that ends frees it; elsewhere than in its
//!   thread it leaves the number among the orphans, and the owner frees those.
//! - Cells may refer to each other in circles, so a domain is emptied at the end of its thread or
//!   session, whatever refers to its cells.
//! - Marking a graph as shared stops at a cell. A graph that has one is not let out of its thread
//!   (`Shared::crossing`); where one gets out all the same (the module's `let`s), it is of no use.
//! - Nothing is dropped while the slab is borrowed: dropping a value may end cells.

#![expect(unsafe_code, reason = "contents are reached through shared handles, by one thread")]

use std::cell::UnsafeCell;
use std::fmt;
use std::sync::Arc;

use super::error::{Kind, error};
use super::{Owned, Step, field_get, index_get, tag};
use crate::atomics::Mutex;
use crate::rc::{self, Body, Heap};

/// What is in a cell.
#[derive(Debug)]
pub(crate) struct Content {
    /// The value; absent while it is moved out, and when the cell has ended.
    pub value: Owned,
    /// The line of the call that has the value, or a part of it, as a place; 0 for none.
    pub in_use: u32,
}

/// The contents of the cells of one user thread, or of one session.
pub(crate) struct CellDomain {
    slab: UnsafeCell<Slab>,
    /// Numbers of contents whose cells ended elsewhere; none any more when the domain has ended.
    orphans: Mutex<Option<Vec<u32>>>,
    /// Of a session's domain: whether a heap has it.
    lent: Mutex<Lent>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Lent {
    No,
    Yes,
    /// The session has ended: whoever has it drops the contents when it is done.
    Last,
}

// SAFETY: the slab is touched by one thread at a time, as the invariants say, and the scheduler or
// the session orders them; the last one to have the domain drops it alone.
unsafe impl Send for CellDomain {}
// SAFETY: as above.
unsafe impl Sync for CellDomain {}

#[derive(Default)]
struct Slab {
    #[expect(clippy::vec_box, reason = "contents are referred to by address while the slab grows")]
    contents: Vec<Box<Content>>,
    /// The numbers of contents that no cell has.
    free: Vec<u32>,
}

/// What a content costs besides its value.
const CONTENT_BYTES: usize = size_of::<Content>() + size_of::<Box<Content>>();

impl CellDomain {
    /// A domain without cells.
    pub(crate) fn new() -> Arc<Self> {
        let slab = UnsafeCell::new(Slab::default());
        let lent = Mutex::new(Lent::No);
        Arc::new(Self { slab, orphans: Mutex::new(Some(Vec::new())), lent })
    }

    /// Notes that a heap has a session's domain; false when another one does.
    pub(crate) fn lend(&self) -> bool {
        let mut lent = self.lent.lock();
        let free = *lent == Lent::No;
        if free {
            *lent = Lent::Yes;
        }
        free
    }

    /// Notes that the heap has given it back; true when the contents are to be dropped first.
    pub(crate) fn give_back(&self) -> bool {
        std::mem::replace(&mut *self.lent.lock(), Lent::No) == Lent::Last
    }

    /// Notes that the session has ended; true when nobody has the domain, and the contents are to be
    /// dropped now.
    pub(crate) fn end(&self) -> bool {
        let mut lent = self.lent.lock();
        let free = *lent == Lent::No;
        *lent = Lent::Last;
        free
    }

    /// True when the calling kernel thread runs the user thread whose domain this is.
    #[inline]
    fn is_current(&self) -> bool {
        Heap::with(|heap| heap.is_some_and(|heap| heap.has_domain(self)))
    }

    /// The slab.
    ///
    /// # Safety
    /// The domain is current or the caller's alone, and nothing is dropped while the slab is
    /// borrowed.
    #[expect(clippy::mut_from_ref, reason = "the caller has it to himself")]
    unsafe fn slab(&self) -> &mut Slab {
        // SAFETY: the caller's promise.
        unsafe { &mut *self.slab.get() }
    }

    /// A place for a content, which is put there.
    ///
    /// # Safety
    /// The domain is current, or the caller's alone.
    unsafe fn occupy(&self, value: Owned) -> u32 {
        let orphans = self.orphans.lock().as_mut().map(std::mem::take).unwrap_or_default();
        for at in orphans {
            // SAFETY: the caller's promise; the borrow ends before the value is dropped.
            let value = unsafe { self.slab() }.vacate(at);
            drop(value);
        }
        // SAFETY: the caller's promise; what is overwritten is absent.
        let slab = unsafe { self.slab() };
        if let Some(at) = slab.free.pop() {
            slab.contents[at as usize].value = value;
            at
        } else {
            rc::charge(CONTENT_BYTES);
            slab.contents.push(Box::new(Content { value, in_use: 0 }));
            (slab.contents.len() - 1) as u32
        }
    }

    /// Drops all contents. The heap that has the domain is the current one.
    pub(crate) fn drain(&self) {
        debug_assert!(self.is_current(), "only the owner ends its cells");
        self.orphans.lock().take();
        // SAFETY: the domain is current. What is dropped below finds an empty slab.
        let slab = std::mem::take(unsafe { self.slab() });
        rc::credit(slab.contents.len() * CONTENT_BYTES);
        drop(slab);
    }
}

impl fmt::Debug for CellDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CellDomain").finish_non_exhaustive()
    }
}

impl Slab {
    /// Frees a content and gives its value, to be dropped when the slab is not borrowed.
    fn vacate(&mut self, at: u32) -> Option<Owned> {
        // None when the domain was drained.
        let content = self.contents.get_mut(at as usize)?;
        content.in_use = 0;
        let value = std::mem::replace(&mut content.value, Owned::ABSENT);
        self.free.push(at);
        Some(value)
    }
}

/// The body of a cell.
pub(crate) struct CellObject {
    domain: Arc<CellDomain>,
    at: u32,
}

// SAFETY: cells have a tag of their own.
unsafe impl Body for CellObject {
    const TAG: u64 = tag::CELL;

    fn buffer_bytes(&self) -> usize {
        0
    }

    fn children(&self, _: &mut dyn FnMut(&Owned)) {
        // Not the content, which stays local whoever has the cell.
    }
}

impl CellObject {
    /// A cell of the current thread with this value in it; [`Owned::cell`] makes the value.
    pub(crate) fn new(value: Owned) -> Self {
        // Without a heap it is nobody's, and can only be dropped.
        let domain = Heap::with(|heap| heap.map(Heap::domain)).unwrap_or_else(CellDomain::new);
        // SAFETY: the domain of the current heap, or a new one.
        let at = unsafe { domain.occupy(value) };
        Self { domain, at }
    }

    /// How many contents its domain has: a chain of more cells is a circle.
    ///
    /// # Safety
    /// Its domain is current.
    unsafe fn siblings(&self) -> usize {
        // SAFETY: the caller's promise; only the number is read.
        unsafe { self.domain.slab() }.contents.len()
    }

    /// The value, if this is its thread and it is not in use.
    ///
    /// # Safety
    /// As for [`cell_access`].
    pub(super) unsafe fn peek<'a>(&self) -> Option<&'a Owned> {
        // SAFETY: the caller's promise.
        let content = unsafe { self.content() }?;
        (content.in_use == 0).then_some(&content.value)
    }

    /// What is in it, in use or not; `None` in another thread than its own, and when that has ended.
    ///
    /// # Safety
    /// As for [`cell_access`].
    pub(crate) unsafe fn content<'a>(&self) -> Option<&'a mut Content> {
        if !self.domain.is_current() {
            return None;
        }
        // SAFETY: the domain is current, and the slab is not borrowed longer than this function.
        let slab = unsafe { &mut *self.domain.slab.get() };
        slab.contents.get_mut(self.at as usize).map(|content| &mut **content)
    }
}

impl Drop for CellObject {
    fn drop(&mut self) {
        if self.domain.is_current() {
            // SAFETY: the domain is current; the borrow ends before the value is dropped.
            let value = unsafe { self.domain.slab() }.vacate(self.at);
            drop(value);
        } else if let Some(orphans) = &mut *self.domain.orphans.lock() {
            orphans.push(self.at);
        }
    }
}

impl fmt::Debug for CellObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<cell {}>", self.at)
    }
}

/// What is in a cell, to be read or changed: an error of kind `type` in another thread than its
/// own, one of kind `value` while it is in use.
///
/// # Safety
/// While the result is used, the cell lives, and nothing else reaches into it: no other result of
/// this function for the same cell, no walk that may come upon it.
pub(crate) unsafe fn cell_access<'a>(cell: &CellObject) -> Result<&'a mut Content, Owned> {
    // SAFETY: the caller's promise.
    let Some(content) = (unsafe { cell.content() }) else { return Err(elsewhere()) };
    if content.in_use == 0 { Ok(content) } else { Err(in_use(content.in_use)) }
}

#[cold]
fn elsewhere() -> Owned {
    let text = "a cell works only in the thread that made it; \
                for a value that several threads change, use `sync.mutex`";
    error(Kind::Type, text)
}

#[cold]
fn in_use(line: u32) -> Owned {
    let text = format!("the cell is in use since line {line}: a call has its value to change it");
    error(Kind::Value, text)
}

/// Where a value that holds a cell was about to leave its thread.
#[cold]
pub(super) fn cannot_cross() -> Owned {
    let text = "a cell cannot go to another thread: it works only in the one that made it; \
                for a value that several threads change, use `sync.mutex`";
    error(Kind::Type, text)
}

/// The value in a cell, or what is in the innermost of cells in cells; `None` when they go round in
/// a circle.
///
/// # Safety
/// As for [`cell_access`].
pub(super) unsafe fn innermost<'a>(cell: &CellObject) -> Result<Option<&'a Owned>, Owned> {
    // SAFETY: the caller's promise.
    let mut value: &'a Owned = &unsafe { cell_access(cell) }?.value;
    // SAFETY: an access has just succeeded.
    let mut left = unsafe { cell.siblings() };
    while let Some(inner) = value.as_cell() {
        if left == 0 {
            return Ok(None);
        }
        left -= 1;
        // SAFETY: as above.
        value = &unsafe { cell_access(inner) }?.value;
    }
    Ok(Some(value))
}

/// Of a path that is to be written: the last cell whose `.value` it names, and how many steps lead
/// up to that, `.value` included. What stands before it is only read. `None` when the path changes
/// its root.
pub(crate) fn last_cell(root: &Owned, steps: &[Step<'_>]) -> Result<Option<(Owned, usize)>, Owned> {
    let names_value = |step: &Step<'_>| matches!(step, Step::Field(name) if is_value(name));
    let Some(last) = steps.iter().rposition(names_value) else { return Ok(None) };
    let mut found = None;
    let mut place = root.clone();
    for (i, &step) in steps[..=last].iter().enumerate() {
        if place.as_cell().is_some() && names_value(&step) {
            found = Some((place.clone(), i + 1));
        }
        if i < last {
            place = match step {
                Step::Index(key) => index_get(&place, key)?,
                Step::Field(name) => field_get(&place, name)?,
            };
        }
    }
    Ok(found)
}

/// The one field of cells.
pub(super) fn is_value(name: &Owned) -> bool {
    name.as_str() == Some("value")
}
