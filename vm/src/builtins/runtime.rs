//! The module `runtime`: what the machine is doing.

use std::{fmt::Write as _, sync::Arc};

use crate::{
    deadlock::{Cycle, Member, cycles},
    native::{Call, FunctionDef, NativeResult, Next},
    rc::Heap,
    sched::{LwpInfo, LwpState},
    thread::{Calling, InCall, ThreadRef, Waiting},
    value::{MapObject, Owned},
    vm::VmShared,
};

/// Its functions.
pub static FUNCTIONS: &[FunctionDef] = &[
    FunctionDef {
        name: "lwps",
        signature: "()",
        doc: "The kernel threads that run user threads: a list of maps.",
        run: lwps,
        shortcut: None,
    },
    FunctionDef {
        name: "threads",
        signature: "()",
        doc: "The user threads that have not ended: a list of maps.",
        run: threads,
        shortcut: None,
    },
    FunctionDef {
        name: "stats",
        signature: "()",
        doc: "Counts since the start, and the copies that this thread made on writing: a map.",
        run: stats,
        shortcut: None,
    },
    FunctionDef {
        name: "model",
        signature: "()",
        doc: "How user threads are mapped to kernel threads: \"m:n\", \"n:1\" or \"1:1\".",
        run: model,
        shortcut: None,
    },
    FunctionDef {
        name: "dump",
        signature: "()",
        doc: "All threads, and what each of them is doing, as a text.",
        run: dump,
        shortcut: None,
    },
    FunctionDef {
        name: "deadlocks",
        signature: "()",
        doc: "Threads that wait for each other in a circle, by mutexes and joins: a list of lists of maps.",
        run: deadlocks,
        shortcut: None,
    },
];

fn lwps(call: &mut Call<'_>) -> NativeResult {
    let vm = call.vm().clone();
    let entry = |lwp: LwpInfo| {
        let mut map = MapObject::with_capacity(7);
        map.insert_str("id", int(lwp.id as u64));
        map.insert_str("state", Owned::str(state_of(lwp.state)));
        map.insert_str("bound", Owned::bool(lwp.bound));
        map.insert_str("processor", lwp.processor.map_or(Owned::NIL, |p| int(p as u64)));
        if let LwpState::InCall { thread, time } = lwp.state {
            map.insert_str("thread", int(thread));
            map.insert_str(
                "call",
                call_of(&vm, thread).map_or(Owned::NIL, |name| Owned::str(&name)),
            );
            map.insert_str("seconds", Owned::float(time.as_secs_f64()));
        }
        Owned::map(map)
    };
    let lwps = vm.scheduler().lwps();
    Ok(Next::Return(Owned::list(lwps.into_iter().map(entry).collect())))
}

fn state_of(state: LwpState) -> &'static str {
    match state {
        LwpState::Running => "running",
        LwpState::InCall { .. } => "in call",
        LwpState::Searching => "searching",
        LwpState::Idle => "idle",
        LwpState::WaitingForProcessor => "waiting for a processor",
    }
}

/// The name of the call that a thread makes; it may have ended since its LWP was looked at.
fn call_of(vm: &VmShared, thread: u64) -> Option<Arc<str>> {
    match vm.registry.get(thread)?.calling()?.now()? {
        InCall::Asked(name) | InCall::Made(name) => Some(name),
    }
}

/// What a thread does.
enum Doing {
    Running,
    Waiting(Waiting),
    Calling(InCall),
}

impl Doing {
    fn of(thread: &ThreadRef) -> Self {
        let calling = thread.calling().and_then(Calling::now);
        let waiting = || thread.wait.waiting().map(Self::Waiting);
        calling.map(Self::Calling).or_else(waiting).unwrap_or(Self::Running)
    }
}

fn threads(call: &mut Call<'_>) -> NativeResult {
    let vm = call.vm().clone();
    let threads = vm.threads();
    call.charge(threads.len() * 4);
    let entry = |thread: &ThreadRef| {
        let mut map = MapObject::with_capacity(6);
        map.insert_str("id", int(thread.id()));
        map.insert_str("name", Owned::str(&thread.name()));
        let mut tell = |state: &str, more: Option<(&str, String)>| {
            map.insert_str("state", Owned::str(state));
            if let Some((key, text)) = more {
                map.insert_str(key, Owned::string(text));
            }
        };
        match Doing::of(thread) {
            Doing::Running => tell("running", None),
            Doing::Calling(InCall::Made(name)) => tell("in call", Some(("call", name.to_string()))),
            Doing::Calling(InCall::Asked(name)) => {
                tell("waiting", Some(("waits", format!("for its turn to call {name}"))));
            }
            Doing::Waiting(Waiting { reason, site, .. }) => {
                tell("waiting", Some(("waits", reason.to_string())));
                if let Some(place) = place(&vm, site) {
                    map.insert_str("at", Owned::string(place));
                }
            }
        }
        map.insert_str("background", Owned::bool(thread.background()));
        map.insert_str("bound", Owned::bool(thread.bound_to().is_some()));
        Owned::map(map)
    };
    Ok(Next::Return(Owned::list(threads.iter().map(entry).collect())))
}

fn stats(call: &mut Call<'_>) -> NativeResult {
    Heap::tell();
    // Copies are counted by thread: what one thread does says nothing about another.
    let copies = Heap::with(|heap| heap.map_or(0, Heap::copies));
    let vm = call.vm();
    let s = vm.scheduler().stats();
    let counts = [
        ("threads", vm.threads_live() as u64),
        ("threads_made", vm.threads_made()),
        ("memory", vm.heap.total()),
        ("copies", copies),
        ("processors", vm.scheduler().processors() as u64),
        ("lwps", s.lwps),
        ("lwps_started", s.lwps_started),
        ("lwp_wakes", s.lwp_wakes),
        ("slices", s.slices),
        ("parks", s.parks),
        ("wakes", s.wakes),
        ("steals", s.steals),
        ("calls", s.calls),
        ("calls_queued", s.calls_queued),
        ("handoffs", s.handoffs + s.eager),
        ("passes", s.passes),
        ("max_running", s.max_running),
    ];
    let mut map = MapObject::with_capacity(counts.len());
    for (name, count) in counts {
        map.insert_str(name, int(count));
    }
    Ok(Next::Return(Owned::map(map)))
}

fn model(call: &mut Call<'_>) -> NativeResult {
    Ok(Next::Return(Owned::str(call.vm().options.model.name())))
}

fn dump(call: &mut Call<'_>) -> NativeResult {
    let text = describe(call.vm());
    call.charge(text.len() / 16);
    Ok(Next::Return(Owned::string(text)))
}

fn deadlocks(call: &mut Call<'_>) -> NativeResult {
    let vm = call.vm().clone();
    call.charge(vm.threads_live() * 4);
    let list = |cycle: &Cycle| {
        let entry = |member: &Member| {
            let mut map = MapObject::with_capacity(4);
            map.insert_str("id", int(member.thread.id()));
            map.insert_str("name", Owned::str(&member.thread.name()));
            map.insert_str("waits", Owned::string(member.waiting.reason.to_string()));
            let at = place(&vm, member.waiting.site);
            map.insert_str("at", at.map_or(Owned::NIL, Owned::string));
            Owned::map(map)
        };
        Owned::list(cycle.members().iter().map(entry).collect())
    };
    Ok(Next::Return(Owned::list(cycles(&vm).iter().map(list).collect())))
}

/// All LWPs and threads, one a line; then what is wrong.
pub(crate) fn describe(vm: &VmShared) -> String {
    let mut text = String::new();
    let mut line = |args: std::fmt::Arguments<'_>| {
        writeln!(text, "{args}").expect("writing to a string");
    };
    for lwp in vm.scheduler().lwps() {
        let state = state_of(lwp.state);
        let call = match lwp.state {
            LwpState::InCall { thread, time } => {
                let name = call_of(vm, thread).map_or(String::new(), |name| format!(" {name}"));
                format!("{name} for {:.3}s, thread {thread}", time.as_secs_f64())
            }
            LwpState::Running
            | LwpState::Searching
            | LwpState::Idle
            | LwpState::WaitingForProcessor => String::new(),
        };
        let holds = lwp.processor.map_or(String::new(), |p| format!(", processor {p}"));
        let bound = if lwp.bound { " (bound)" } else { "" };
        line(format_args!("lwp {}{bound}: {state}{call}{holds}", lwp.id));
    }
    for thread in vm.threads() {
        let doing = match Doing::of(&thread) {
            Doing::Running => "running".to_owned(),
            Doing::Calling(InCall::Made(name)) => format!("in call {name}"),
            Doing::Calling(InCall::Asked(name)) => format!("waits for its turn to call {name}"),
            Doing::Waiting(Waiting { reason, site, .. }) => {
                let at = place(vm, site).map_or(String::new(), |place| format!(" at {place}"));
                format!("waits {reason}{at}")
            }
        };
        line(format_args!("thread {} `{}`: {doing}", thread.id(), thread.name()));
    }
    for cycle in cycles(vm) {
        line(format_args!("warning: deadlock: {cycle}"));
    }
    text
}

fn place(vm: &VmShared, site: usize) -> Option<String> {
    vm.units.locate(site).map(|(file, line)| format!("{file}:{line}"))
}

fn int(n: u64) -> Owned {
    Owned::int(i64::try_from(n).unwrap_or(i64::MAX))
}
