//! What a VM leaves behind: nothing. Alone in its process, since it counts the kernel threads.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(target_os = "linux")]

use std::fs;
use std::time::{Duration, Instant};

use lisle_vm::Vm;

/// The kernel threads of this process that belong to a VM.
fn kernel_threads() -> usize {
    fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("comm")).ok())
        .filter(|name| name.starts_with("lisle-"))
        .count()
}

#[test]
fn vms_come_and_go() {
    for round in 0..20 {
        let vms: Vec<_> = (0..3).map(|_| Vm::builder().lwps(2).build().unwrap()).collect();
        for (i, vm) in vms.iter().enumerate() {
            let doubled: usize = vm.eval(&format!("let x = {i}\nx * 2")).unwrap();
            assert_eq!(doubled, i * 2, "{round}");
            // Threads that wait for ever, and one that runs for ever.
            vm.load("let never = channel()\nfor i in 0..10 { spawn { never.recv() } }\nspawn { loop { } }")
                .unwrap();
        }
        assert!(kernel_threads() > 0);
        drop(vms);
        // A kernel thread that has been joined stands in the list until the kernel is done with it.
        let patience = Instant::now() + Duration::from_secs(10);
        while kernel_threads() > 0 && Instant::now() < patience {
            std::thread::yield_now();
        }
        assert_eq!(kernel_threads(), 0, "{round}");
    }
}
