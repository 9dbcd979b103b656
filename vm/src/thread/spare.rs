//! The VM, as its threads refer to it.
//!
//! Each thread has a reference, and to count one takes an exchange. So an LWP keeps those of the threads
//! that it has freed for the threads that it makes. They go when its kernel thread ends, which is before the
//! VM's shutdown does. Other kernel threads keep none: nobody knows when they end.

#![expect(unsafe_code, reason = "a reference is taken out where it ends")]

use std::{cell::RefCell, mem::ManuallyDrop, ops::Deref, sync::Arc};

use crate::{sched, vm::VmShared};

/// So many are kept at most: 8 KiB.
const KEPT: usize = 1024;

std::thread_local! {
    /// References to one VM: that whose threads have made others here. The first one stays.
    static SPARE: RefCell<Vec<Arc<VmShared>>> = const { RefCell::new(Vec::new()) };
}

/// A thread's reference to its VM.
pub(super) struct VmRef(ManuallyDrop<Arc<VmShared>>);

impl VmRef {
    #[inline(always)]
    pub(super) fn new(vm: &Arc<VmShared>) -> Self {
        let spare = SPARE.with_borrow_mut(|spare| match spare.first() {
            Some(first) if Arc::ptr_eq(first, vm) && spare.len() > 1 => spare.pop(),
            None if sched::is_ours() => {
                spare.push(vm.clone());
                None
            }
            Some(_) | None => None,
        });
        Self(ManuallyDrop::new(spare.unwrap_or_else(|| vm.clone())))
    }
}

impl Drop for VmRef {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: this is the end of it.
        let vm = unsafe { ManuallyDrop::take(&mut self.0) };
        // It goes, if need be, when the list is not in use: with the last one more may go.
        let kept = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            let keeps = (1..KEPT).contains(&spare.len()) && Arc::ptr_eq(&spare[0], &vm);
            if keeps {
                spare.push(vm);
                None
            } else {
                Some(vm)
            }
        });
        drop(kept);
    }
}

impl Deref for VmRef {
    type Target = Arc<VmShared>;

    fn deref(&self) -> &Arc<VmShared> {
        &self.0
    }
}
