//! `sync.atomic`: an int that threads change in single steps.
//!
//! One atomic word. `add` is checked like `+`, so it is a loop of exchanges.

use super::{int, receiver};
use crate::{
    atomics::{AtomicI64, Ordering},
    native::{Call, MethodDef, MethodTable, NativeResult, Next, Shortcut},
    value::{Handle, Kind, Owned, error},
};

/// An int that threads share.
#[derive(Debug)]
struct AtomicHandle {
    /// Any LWP, atomic.
    value: AtomicI64,
}

/// Its methods.
pub(crate) static METHODS: MethodTable = MethodTable::new(&[
    MethodDef {
        name: "get",
        signature: "()",
        doc: "The value.",
        mutating: false,
        run: get,
        shortcut: Some(Shortcut::new(get_at_once)),
    },
    MethodDef {
        name: "set",
        signature: "(value)",
        doc: "Sets the value.",
        mutating: false,
        run: set,
        shortcut: Some(Shortcut::new(set_at_once)),
    },
    MethodDef {
        name: "add",
        signature: "(n)",
        doc: "Adds `n`; gives the new value.",
        mutating: false,
        run: add,
        shortcut: Some(Shortcut::new(add_at_once)),
    },
    MethodDef {
        name: "cas",
        signature: "(old, new)",
        doc: "Sets the value to `new` if it is `old`; true when it did.",
        mutating: false,
        run: cas,
        shortcut: None,
    },
]);

impl Handle for AtomicHandle {
    fn type_name(&self) -> &str {
        "atomic"
    }

    fn methods(&self) -> &dyn std::any::Any {
        &METHODS
    }

    fn class(&self) -> u16 {
        METHODS.class()
    }

    fn display(&self) -> String {
        // Relaxed: for people.
        format!("<atomic {}>", self.value.load(Ordering::Relaxed))
    }
}

pub(super) fn atomic(call: &mut Call<'_>) -> NativeResult {
    let value = AtomicI64::new(int(call.arg(0))?);
    Ok(Next::Return(Owned::handle(AtomicHandle { value })))
}

// In all of these: acquire and release, so that who sees a value sees what its writer did before;
// sequentially consistent among each other, as scripts expect of several atomics together.

fn get(call: &mut Call<'_>) -> NativeResult {
    let value = receiver::<AtomicHandle>(call)?.value.load(Ordering::SeqCst);
    Ok(Next::Return(Owned::int(value)))
}

fn set(call: &mut Call<'_>) -> NativeResult {
    let value = int(call.arg(0))?;
    receiver::<AtomicHandle>(call)?.value.store(value, Ordering::SeqCst);
    Next::nil()
}

fn add(call: &mut Call<'_>) -> NativeResult {
    let n = int(call.arg(0))?;
    let value = &receiver::<AtomicHandle>(call)?.value;
    let mut old = value.load(Ordering::Relaxed);
    loop {
        let Some(new) = old.checked_add(n) else {
            return Err(error(Kind::Overflow, format!("{old} + {n} does not fit an int")));
        };
        match value.compare_exchange_weak(old, new, Ordering::SeqCst, Ordering::Relaxed) {
            Ok(_) => return Ok(Next::Return(Owned::int(new))),
            Err(now) => old = now,
        }
    }
}

fn this(handle: &Owned) -> Option<&AtomicI64> {
    Some(&handle.as_handle::<AtomicHandle>()?.value)
}

fn get_at_once(this: &mut Owned, _: &mut [Owned]) -> Option<Owned> {
    Some(Owned::int(self::this(this)?.load(Ordering::SeqCst)))
}

fn set_at_once(this: &mut Owned, args: &mut [Owned]) -> Option<Owned> {
    self::this(this)?.store(args[0].as_int()?, Ordering::SeqCst);
    Some(Owned::NIL)
}

/// What does not fit is refused by the long way.
fn add_at_once(this: &mut Owned, args: &mut [Owned]) -> Option<Owned> {
    let (value, n) = (self::this(this)?, args[0].as_int()?);
    let add = |old: i64| old.checked_add(n);
    let old = value.fetch_update(Ordering::SeqCst, Ordering::Relaxed, add).ok()?;
    Some(Owned::int(old + n))
}

fn cas(call: &mut Call<'_>) -> NativeResult {
    let (old, new) = (int(call.arg(0))?, int(call.arg(1))?);
    let value = &receiver::<AtomicHandle>(call)?.value;
    let done = value.compare_exchange(old, new, Ordering::SeqCst, Ordering::SeqCst).is_ok();
    Ok(Next::Return(Owned::bool(done)))
}
