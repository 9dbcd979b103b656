//! `time`: clocks. Times and durations are seconds, as floats. What waits is the VM's own.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use lisle_vm::{ModuleBuilder, builtin};

/// The module.
pub(crate) fn module() -> ModuleBuilder {
    // What `mono` counts from is nobody's business; the start of the VM keeps the numbers small.
    let start = Instant::now();
    builtin::time()
        .function("now()", "Seconds since the start of 1970, as the wall clock has it.", now)
        .function("mono()", "Seconds on a clock that never goes back.", move || {
            start.elapsed().as_secs_f64()
        })
}

fn now() -> f64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}
