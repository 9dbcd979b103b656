//! Channels of values: the function that makes one, and their methods.

use std::mem::MaybeUninit;

use super::time::{self, Last, Tick, Ticks};
use crate::{
    chan::{After, Channel, Event, Receiving, Sending, Waiter},
    native::{Brief, Call, FunctionDef, MethodDef, NativeResult, Next, Shortcut},
    thread::{Delivery, Memo, WaitReason, WaitToken},
    value::{Handle, Kind, Owned, Shared, View, error},
    vm::VmShared,
    waiting::{Progress, Waits},
};

/// A channel that carries values.
#[derive(Debug)]
pub(crate) struct ChannelHandle {
    channel: Channel<WaitToken>,
    /// The clock sends to it.
    ticks: Option<Box<Ticks>>,
}

impl ChannelHandle {
    /// A channel that the clock sends to, as a value.
    pub(crate) fn ticking(vm: &VmShared, ticks: Ticks) -> Owned {
        let channel = Channel::new(vm.program.number(), 0);
        Owned::channel(Self { channel, ticks: Some(Box::new(ticks)) })
    }

    /// The channel.
    pub(crate) fn channel(&self) -> &Channel<WaitToken> {
        &self.channel
    }

    /// The clock that sends to it.
    pub(crate) fn ticks(&self) -> Option<&Ticks> {
        self.ticks.as_deref()
    }

    /// Takes a tick that is there.
    fn take_tick(&self, waits: &mut Waits<'_, '_>) -> Option<Owned> {
        let Tick::Taken(time, last) = self.ticks()?.take(waits.context.now()) else {
            return None;
        };
        match last {
            Last::Yes => close(waits, &self.channel),
            Last::No => {}
        }
        Some(time::value(time))
    }
}

impl Handle for ChannelHandle {
    fn type_name(&self) -> &str {
        "channel"
    }

    fn display(&self) -> String {
        format!("<channel {}>", self.channel.id())
    }
}

impl Waiter for WaitToken {
    type Item = Shared;

    #[inline]
    fn end(&self, event: Event<Shared>) -> Result<(), Event<Shared>> {
        let arm = self.arm();
        let delivery = match event {
            Event::Received(value) => Delivery::Received { arm, value },
            Event::Sent => Delivery::Sent { arm },
            Event::Closed => Delivery::Closed { arm },
        };
        self.claim(delivery).map_err(|delivery| match delivery {
            Delivery::Received { value, .. } => Event::Received(value),
            Delivery::Sent { .. } => Event::Sent,
            Delivery::Closed { .. } => Event::Closed,
            Delivery::Woken { .. } | Delivery::TimedOut | Delivery::Interrupted => {
                unreachable!("a delivery that is refused comes back unchanged")
            }
        })
    }

    fn is_open(&self) -> bool {
        Self::is_open(self)
    }
}

/// The functions.
pub(crate) static FUNCTIONS: &[FunctionDef] = &[FunctionDef {
    name: "channel",
    signature: "(capacity = 0)",
    doc: "A new channel that buffers `capacity` values; `math.inf` is no bound.",
    run: channel,
    shortcut: None,
}];

/// The methods of channels.
pub(crate) const METHODS: &[MethodDef] = &[
    MethodDef {
        name: "send",
        signature: "(value)",
        doc: "Sends a value; waits while there is no room or no receiver.",
        mutating: false,
        run: send_method,
        shortcut: Some(Shortcut::parking(send_at_once, send_or_park)),
    },
    MethodDef {
        name: "recv",
        signature: "()",
        doc: "The next value; waits for one. nil once the channel is closed and empty.",
        mutating: false,
        run: recv_method,
        shortcut: Some(Shortcut::parking(recv_at_once, recv_or_park)),
    },
    MethodDef {
        name: "close",
        signature: "()",
        doc: "Closes the channel: no more sends; what is buffered can still be received.",
        mutating: false,
        run: close_method,
        shortcut: None,
    },
    MethodDef {
        name: "len",
        signature: "()",
        doc: "How many values are buffered.",
        mutating: false,
        run: len_method,
        shortcut: None,
    },
    MethodDef {
        name: "closed",
        signature: "()",
        doc: "True when the channel is closed and empty.",
        mutating: false,
        run: closed_method,
        shortcut: None,
    },
];

/// The channel behind a value, or a `type` error.
#[inline]
pub(crate) fn channel_of(value: &Owned) -> Result<&ChannelHandle, Owned> {
    let handle = match value.view() {
        View::Channel(handle) => handle.downcast(),
        _ => None,
    };
    handle.ok_or_else(|| no_channel(value))
}

#[cold]
fn no_channel(value: &Owned) -> Owned {
    error(Kind::Type, format!("expected a channel, not {}", value.type_name()))
}

/// The next value of a channel, or nothing when it is closed and empty. One that the thread was parked
/// for is given to the instruction, which is then not asked again.
pub(crate) fn receive(
    waits: &mut Waits<'_, '_>,
    handle: &ChannelHandle,
) -> Result<Progress<Option<Owned>>, Owned> {
    let channel = &handle.channel;
    match waits.delivery() {
        None => {}
        Some(Delivery::Closed { .. }) => return Ok(Progress::Done(None)),
        Some(delivery) => {
            if let Some(ticket) = waits.state.parked.take_ticket() {
                channel.leave_receivers(ticket);
            }
            match delivery {
                // The next tick is due, unless someone else takes it first.
                Delivery::TimedOut => {}
                _ => return Err(waits.interrupted()),
            }
        }
    }
    loop {
        if handle.ticks.is_some()
            && !channel.is_closed()
            && let Some(tick) = handle.take_tick(waits)
        {
            return Ok(Progress::Done(Some(tick)));
        }
        match begin_receive(waits, channel) {
            Receiving::Item(value) => return Ok(Progress::Done(Some(value.into_owned()))),
            Receiving::Closed => return Ok(Progress::Done(None)),
            Receiving::Waiting(_) => {
                if let Some(ticks) = handle.ticks() {
                    waits.timer_at(ticks.next());
                }
                return Ok(Progress::Park);
            }
            Receiving::Noticed => waits.look()?,
        }
    }
}

/// Receives from a channel of no clock's, or begins to wait.
#[inline(always)]
fn begin_receive(waits: &mut Waits<'_, '_>, channel: &Channel<WaitToken>) -> Receiving<Shared> {
    let begin = waits.begin(WaitReason::Receive(channel.id()));
    let mut after = After::new();
    let outcome = channel.receive(&mut after, || begin.begin());
    waits.wake(after.finish());
    if let Receiving::Waiting(ticket) = outcome {
        waits.state.parked = Memo::ticket(ticket);
    }
    outcome
}

/// Sends to a channel, or begins to wait.
#[inline(always)]
fn begin_send(
    waits: &mut Waits<'_, '_>,
    channel: &Channel<WaitToken>,
    item: Shared,
) -> Sending<Shared> {
    let begin = waits.begin(WaitReason::Send(channel.id()));
    let mut after = After::new();
    let outcome = channel.send(item, &mut after, || begin.begin());
    waits.wake(after.finish());
    if let Sending::Waiting(ticket) = outcome {
        waits.state.parked = Memo::ticket(ticket);
    }
    outcome
}

/// Sends a value, which is moved out of `value` at the first call. Not asked again when somebody has
/// taken it.
pub(crate) fn send(
    waits: &mut Waits<'_, '_>,
    handle: &ChannelHandle,
    value: &mut Owned,
) -> Result<Progress, Owned> {
    let channel = handle.channel();
    match waits.delivery() {
        Some(Delivery::Closed { .. }) => return Err(closed()),
        Some(_) => {
            let ticket = waits.state.parked.take_ticket();
            drop(ticket.map(|ticket| channel.leave_senders(ticket)));
            return Err(waits.interrupted());
        }
        None => {}
    }
    let mut item = sendable(handle, value.take())?;
    loop {
        match begin_send(waits, channel, item) {
            Sending::Done => return Ok(Progress::Done(())),
            Sending::Closed(_) => return Err(closed()),
            Sending::Waiting(_) => return Ok(Progress::Park),
            Sending::Noticed(back) => item = back,
        }
        waits.look()?;
    }
}

/// A value on its way into a channel: anything but nil, and only the clock sends to its own.
pub(crate) fn sendable(handle: &ChannelHandle, value: Owned) -> Result<Shared, Owned> {
    if handle.ticks.is_some() {
        return Err(error(Kind::Value, "only the clock sends to this channel"));
    }
    if value.is_nil() {
        let text = "nil cannot be sent: it is what `recv` gives when the channel is closed";
        return Err(error(Kind::Value, text));
    }
    Shared::crossing(value)
}

/// What a send to a closed channel throws.
pub(crate) fn closed() -> Owned {
    error(Kind::Closed, "the channel is closed")
}

/// Closes a channel and wakes who waits there.
pub(crate) fn close(waits: &mut Waits<'_, '_>, channel: &Channel<WaitToken>) {
    for woken in channel.close() {
        waits.wake(Some(woken));
    }
}

fn channel(call: &mut Call<'_>) -> NativeResult {
    let capacity = capacity(call.arg(0))?;
    let channel = Channel::new(call.vm().program.number(), capacity);
    Ok(Next::Return(Owned::channel(ChannelHandle { channel, ticks: None })))
}

fn capacity(value: &Owned) -> Result<usize, Owned> {
    match value.view() {
        View::Int(n) => usize::try_from(n)
            .map_err(|_| error(Kind::Value, format!("a channel cannot have room for {n} values"))),
        View::Float(f64::INFINITY) => Ok(usize::MAX),
        _ => {
            let text = format!(
                "the capacity of a channel is an int or math.inf, not {}",
                value.type_name()
            );
            Err(error(Kind::Type, text))
        }
    }
}

fn send_method(call: &mut Call<'_>) -> NativeResult {
    let (mut waits, receiver, args) = Waits::split(call);
    match send(&mut waits, channel_of(receiver)?, &mut args[0])? {
        Progress::Done(()) => Next::nil(),
        Progress::Park => Ok(Next::Park),
    }
}

/// Does the value cross into the channel as it is?
#[inline]
fn takes_as_is(handle: &ChannelHandle, value: &Owned) -> bool {
    handle.ticks.is_none() && !value.is_nil() && Shared::is_crossed(value)
}

/// Where there is room, nobody waits, and the value crosses as it is.
fn send_at_once(this: &mut Owned, args: &mut [Owned]) -> Option<Owned> {
    let handle = this.as_handle::<ChannelHandle>()?;
    let [value] = args else { return None };
    if handle.channel.has_room() { buffer(handle, value) } else { None }
}

/// Buffers a value where there seems to be room. Apart, so that looking for room saves no registers.
#[inline(never)]
fn buffer(handle: &ChannelHandle, value: &mut Owned) -> Option<Owned> {
    let buffers =
        takes_as_is(handle, value) && handle.channel.put_at_once(|| Shared::new(value.take()));
    buffers.then_some(Owned::NIL)
}

/// Where the value crosses as it is.
fn send_or_park(
    waits: &mut Waits<'_, '_>,
    this: &Owned,
    args: &mut [Owned],
    result: &mut MaybeUninit<Owned>,
) -> Brief {
    let (Some(handle), [value]) = (this.as_handle::<ChannelHandle>(), args) else {
        return Brief::Longer;
    };
    if !takes_as_is(handle, value) {
        return Brief::Longer;
    }
    match begin_send(waits, &handle.channel, Shared::new(value.take())) {
        Sending::Done => Brief::done(result, Owned::NIL),
        Sending::Waiting(_) => Brief::Park,
        Sending::Closed(back) | Sending::Noticed(back) => {
            *value = back.into_owned();
            Brief::Longer
        }
    }
}

/// Where a value is buffered and nobody waits to send. (The clock's channels have no buffer.)
fn recv_at_once(this: &mut Owned, _: &mut [Owned]) -> Option<Owned> {
    let item = this.as_handle::<ChannelHandle>()?.channel.take_at_once()?;
    Some(item.into_owned())
}

/// From any channel but the clock's.
fn recv_or_park(
    waits: &mut Waits<'_, '_>,
    this: &Owned,
    _: &mut [Owned],
    result: &mut MaybeUninit<Owned>,
) -> Brief {
    let Some(handle) = this.as_handle::<ChannelHandle>().filter(|handle| handle.ticks.is_none())
    else {
        return Brief::Longer;
    };
    match begin_receive(waits, &handle.channel) {
        Receiving::Item(value) => Brief::done(result, value.into_owned()),
        Receiving::Closed => Brief::done(result, Owned::NIL),
        Receiving::Waiting(_) => Brief::Park,
        Receiving::Noticed => Brief::Longer,
    }
}

fn recv_method(call: &mut Call<'_>) -> NativeResult {
    let (mut waits, receiver, _) = Waits::split(call);
    match receive(&mut waits, channel_of(receiver)?)? {
        Progress::Done(value) => Ok(Next::Return(value.unwrap_or(Owned::NIL))),
        Progress::Park => Ok(Next::Park),
    }
}

fn close_method(call: &mut Call<'_>) -> NativeResult {
    let (mut waits, receiver, _) = Waits::split(call);
    close(&mut waits, channel_of(receiver)?.channel());
    Next::nil()
}

fn len_method(call: &mut Call<'_>) -> NativeResult {
    let len = channel_of(call.receiver())?.channel().len();
    Ok(Next::Return(Owned::int(i64::try_from(len).unwrap_or(i64::MAX))))
}

fn closed_method(call: &mut Call<'_>) -> NativeResult {
    Ok(Next::Return(Owned::bool(channel_of(call.receiver())?.channel().is_closed())))
}
