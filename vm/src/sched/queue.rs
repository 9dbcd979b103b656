//! The run queues: crossbeam's deque behind three roles.
//!
//! [`Local`] is a processor's own end, and nobody else pushes: of a queue, first in, first out, or of
//! a stack. [`Thief`] is what others see of it, who always take the oldest. [`Injector`] takes from anybody. Elements are one-word handles, because a
//! steal that fails has copied its element in vain.
//!
//! The deque's `push` ends in a release, which is not enough against a sleeper's last look: whoever
//! pushes follows the wake rule (see [`super::idle`]), which has the fence. `is_empty` is a look,
//! meant to be used after such a fence.
//!
//! Under the model checker a queue is a locked list whose length is published without the lock, so
//! that the look orders no more than the real one does.

#[cfg(loom)]
pub(super) use model::{Injector, Local, Thief};
#[cfg(not(loom))]
pub(super) use real::{Injector, Local, Thief};

#[cfg(not(loom))]
mod real {
    use crossbeam_deque as deque;
    use crossbeam_deque::Steal;

    /// A processor's own end of its run queue.
    #[derive(Debug)]
    pub(in super::super) struct Local<R>(deque::Worker<R>);

    impl<R> Local<R> {
        pub(in super::super) fn queue() -> Self {
            Self(deque::Worker::new_fifo())
        }

        pub(in super::super) fn stack() -> Self {
            Self(deque::Worker::new_lifo())
        }

        pub(in super::super) fn thief(&self) -> Thief<R> {
            Thief(self.0.stealer())
        }

        #[inline]
        pub(in super::super) fn push(&mut self, thread: R) {
            self.0.push(thread);
        }

        #[inline]
        pub(in super::super) fn pop(&mut self) -> Option<R> {
            self.0.pop()
        }

        pub(in super::super) fn len(&self) -> usize {
            self.0.len()
        }
    }

    /// The end of a run queue that thieves see.
    #[derive(Debug)]
    pub(in super::super) struct Thief<R>(deque::Stealer<R>);

    impl<R> Thief<R> {
        pub(in super::super) fn is_empty(&self) -> bool {
            self.0.is_empty()
        }

        /// Moves up to half of the victim's threads to `to` and returns one of them.
        pub(in super::super) fn steal(&self, to: &mut Local<R>) -> Option<R> {
            until_settled(|| self.0.steal_batch_and_pop(&to.0))
        }

        /// Takes the oldest.
        pub(in super::super) fn steal_one(&self) -> Option<R> {
            until_settled(|| self.0.steal())
        }
    }

    /// The queue anybody may push to.
    #[derive(Debug)]
    pub(in super::super) struct Injector<R>(deque::Injector<R>);

    impl<R> Injector<R> {
        pub(in super::super) fn new() -> Self {
            Self(deque::Injector::new())
        }

        pub(in super::super) fn push(&self, thread: R) {
            self.0.push(thread);
        }

        pub(in super::super) fn is_empty(&self) -> bool {
            self.0.is_empty()
        }

        pub(in super::super) fn len(&self) -> usize {
            self.0.len()
        }

        /// Takes one.
        pub(in super::super) fn pop(&self) -> Option<R> {
            until_settled(|| self.0.steal())
        }

        /// Moves a batch to `to` and returns one of it.
        pub(in super::super) fn pop_batch(&self, to: &mut Local<R>) -> Option<R> {
            until_settled(|| self.0.steal_batch_and_pop(&to.0))
        }
    }

    /// A steal that lost a race says so; somebody else made progress, so trying again ends.
    fn until_settled<R>(mut attempt: impl FnMut() -> Steal<R>) -> Option<R> {
        loop {
            match attempt() {
                Steal::Success(thread) => return Some(thread),
                Steal::Empty => return None,
                Steal::Retry => crate::atomics::thread::spin(),
            }
        }
    }
}

#[cfg(loom)]
mod model {
    use std::collections::VecDeque;

    use crate::atomics::{Arc, AtomicUsize, Mutex, Ordering};

    #[derive(Debug)]
    struct Listed<R> {
        list: Mutex<VecDeque<R>>,
        length: AtomicUsize,
    }

    impl<R> Listed<R> {
        fn new() -> Self {
            Self { list: Mutex::new(VecDeque::new()), length: AtomicUsize::new(0) }
        }

        fn push(&self, thread: R) {
            let mut list = self.list.lock();
            list.push_back(thread);
            self.length.store(list.len(), Ordering::Release);
        }

        fn pop(&self) -> Option<R> {
            self.take(VecDeque::pop_front)
        }

        fn take(&self, one: impl FnOnce(&mut VecDeque<R>) -> Option<R>) -> Option<R> {
            let mut list = self.list.lock();
            let thread = one(&mut list);
            self.length.store(list.len(), Ordering::Release);
            thread
        }

        fn is_empty(&self) -> bool {
            self.length.load(Ordering::Acquire) == 0
        }
    }

    #[derive(Debug)]
    pub(in super::super) struct Local<R> {
        listed: Arc<Listed<R>>,
        is_stack: bool,
    }

    impl<R> Local<R> {
        pub(in super::super) fn queue() -> Self {
            Self { listed: Arc::new(Listed::new()), is_stack: false }
        }

        pub(in super::super) fn stack() -> Self {
            Self { is_stack: true, ..Self::queue() }
        }

        pub(in super::super) fn thief(&self) -> Thief<R> {
            Thief(self.listed.clone())
        }

        pub(in super::super) fn push(&mut self, thread: R) {
            self.listed.push(thread);
        }

        pub(in super::super) fn pop(&mut self) -> Option<R> {
            if self.is_stack { self.listed.take(VecDeque::pop_back) } else { self.listed.pop() }
        }

        pub(in super::super) fn len(&self) -> usize {
            self.listed.length.load(Ordering::Acquire)
        }
    }

    #[derive(Debug)]
    pub(in super::super) struct Thief<R>(Arc<Listed<R>>);

    impl<R> Thief<R> {
        pub(in super::super) fn is_empty(&self) -> bool {
            self.0.is_empty()
        }

        pub(in super::super) fn steal(&self, _to: &mut Local<R>) -> Option<R> {
            self.0.pop()
        }

        pub(in super::super) fn steal_one(&self) -> Option<R> {
            self.0.pop()
        }
    }

    #[derive(Debug)]
    pub(in super::super) struct Injector<R>(Listed<R>);

    impl<R> Injector<R> {
        pub(in super::super) fn new() -> Self {
            Self(Listed::new())
        }

        pub(in super::super) fn push(&self, thread: R) {
            self.0.push(thread);
        }

        pub(in super::super) fn is_empty(&self) -> bool {
            self.0.is_empty()
        }

        pub(in super::super) fn len(&self) -> usize {
            self.0.length.load(Ordering::Acquire)
        }

        pub(in super::super) fn pop(&self) -> Option<R> {
            self.0.pop()
        }

        pub(in super::super) fn pop_batch(&self, _to: &mut Local<R>) -> Option<R> {
            self.0.pop()
        }
    }
}
