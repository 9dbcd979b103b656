//! A Rust host: functions and objects for scripts, errors as values, several VMs side by side.
//!
//! `cargo run --example embed`

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicI64, Ordering},
    },
    thread,
    time::Duration,
};

use lisle::{Error, ErrorKind, HostObject, HostType, ModuleBuilder, Object, Vm};

/// An object of the host: scripts hold handles on it.
struct Counter {
    name: String,
    count: AtomicI64,
}

impl HostObject for Counter {
    fn host_type() -> &'static HostType<Self> {
        static TYPE: LazyLock<HostType<Counter>> = LazyLock::new(|| {
            HostType::new("counter")
                .method("add(n = 1)", "Adds; gives the new count.", |counter: &Counter, n: i64| {
                    counter.count.fetch_add(n, Ordering::Relaxed) + n
                })
                .method("name()", "Its name.", |counter: &Counter| counter.name.clone())
        });
        &TYPE
    }
}

/// A module of the host.
fn shop() -> ModuleBuilder {
    ModuleBuilder::new("shop", "What the host sells.")
        .value("currency", "What prices are in.", "EUR")
        .function("price(item, pieces = 1)", "The price of so many.", |item: &str, pieces: i64| {
            match item {
                "thread" => Ok(2 * pieces),
                "needle" => Ok(5 * pieces),
                _ => Err(Error::new(ErrorKind::Key, format!("nobody sells {item}"))),
            }
        })
        // It may wait: meanwhile the kernel thread's right to run scripts goes to another one.
        .blocking("deliver(item)", "Takes its time.", |item: String| {
            thread::sleep(Duration::from_millis(20));
            format!("one {item}")
        })
        .function("counter(name)", "A new counter.", |name: String| {
            Object(Counter { name, count: AtomicI64::new(0) })
        })
}

fn main() -> Result<(), Error> {
    let vm = Vm::builder().module(shop()).build()?;

    // Values of the last expression, typed.
    let total: i64 =
        vm.eval("import shop\nshop.price(\"thread\", pieces: 3) + shop.price(\"needle\")")?;
    println!("total: {total}");

    // Names stay; functions are called by name, with Rust values.
    vm.load(
        "
        import shop
        fn order(items) {
            let parcels = items.map(|item| spawn shop.deliver(item))
            parcels.map(|parcel| parcel.join())
        }
        ",
    )?;
    let parcels: Vec<String> = vm.call("order", (vec!["thread", "needle", "cloth"],))?;
    println!("parcels: {}", parcels.join(", "));

    // Objects of the host.
    let counted: i64 = vm.eval("let c = shop.counter(\"visits\")\nc.add()\nc.add(41)")?;
    println!("counted: {counted}");

    // What a script throws is a value: kind, message, place, calls. Displayed, it is the report.
    if let Err(error) = vm.call::<i64>("order", (7,)) {
        println!("{error}");
    }

    // Another VM, with nothing in common.
    let other = Vm::new()?;
    println!("elsewhere: {}", other.eval::<String>("[1, 2, 3].map(|x| x * x).join(\"-\")")?);
    Ok(())
}
