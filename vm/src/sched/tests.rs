//! The scheduler with toy threads. No test depends on how long anything takes: each waits for what
//! must happen and fails only if it does not happen at all.

mod bound;
mod calls;
mod ends;
mod fair;
mod runs;
mod scenario;
mod sources;
mod toy;
