//! `select`: waits for the first of several operations.
//!
//! # Invariants
//!
//! - Exactly one arm is carried out; the others have no effect.
//! - Among the arms that are ready on entry each is as likely as the others. `else` and `after 0`
//!   come only when none is.
//! - A select never pairs with itself: it is in no queue while it looks for partners.
//!
//! # Protocol
//!
//! 0. A select that receives, and does nothing else before it waits, tries the arms that seem to be ready
//!    one after the other, in random order, each under its channel's own lock. The first that is
//!    ready is carried out, and that is all: an arm is as likely as the others that are ready, nothing
//!    was entered, and two selects cannot be in each other's way. Else:
//! 1. Lock the channels of all arms, each once, in the order of their numbers. Nothing about them
//!    changes from here on, but that waits in their queues may be ended by others.
//! 2. Choose among the arms that are ready and carry that one out. When its partner was claimed by
//!    someone else in between, the arm may not be ready any more: choose among those left.
//! 3. None: begin the wait, enter the queues of all channels, unlock. So whoever comes to one of
//!    them finds the select there.
//! 4. Enter the threads to be joined. One that has ended since step 2 ends the wait like any
//!    partner: by a claim. Set the timer.
//! 5. Parked. The winner of the claim says which arm it was; leave all other queues.
//!
//! Rejected: trying the arms one after the other under their own locks and claiming oneself before
//! each pairing (no need for several locks, but two selects can give way to each other for ever).

use lisle_compiler::bytecode::Arm as ArmKind;

use crate::{
    builtins::{
        channel::{ChannelHandle, channel_of, close, closed, sendable},
        thread::{joins_itself, outcome, thread_of},
        time::{self, Last, Tick, Ticks},
    },
    chan::{After, Put, Several, State, Take},
    sched::Time,
    thread::{Delivery, End, Joining, Memo, ThreadRef, Ticket, WaitReason, WaitToken},
    value::{Kind, Owned, Shared, error},
    waiting::{Progress, Waits, duration},
};

/// An arm whose guard is on.
#[derive(Debug)]
pub(crate) struct Arm {
    /// Its number in the select.
    pub(crate) index: usize,
    /// What it does.
    pub(crate) kind: ArmKind,
    /// The channel, the thread, or the duration.
    pub(crate) subject: Owned,
    /// What to send.
    pub(crate) value: Owned,
}

/// Which arm was carried out, and what it received.
pub(crate) type Chosen = (usize, Owned);

/// A select while it is going on.
#[derive(Debug)]
struct Selecting {
    arms: Vec<Arm>,
    /// One for each arm.
    slots: Vec<Slot>,
    /// Some arm depends on the clock.
    timed: bool,
}

/// What changes about an arm.
#[derive(Debug)]
struct Slot {
    /// What is to be sent; in the channel's queue while that holds the arm.
    item: Option<Shared>,
    /// The same, kept for another attempt: the queue's is lost when the wait is over.
    spare: Option<Shared>,
    /// The place in the queue of the channel, or of the thread's joiners.
    ticket: Option<Ticket>,
    /// When an `after` is over.
    at: Time,
    ready: bool,
}

/// What an attempt came to.
enum Attempt {
    /// The arm with this position was carried out.
    Chosen(usize, Outcome),
    /// All queues were entered; the thread parks.
    Waits,
    /// The wait did not begin.
    Noticed,
}

/// What carrying out an arm gave.
enum Outcome {
    Received(Shared),
    Ticked(Time, Last),
    Nothing,
    SentToClosed,
    Joined(End),
}

/// Step 0: receives from one of these channels that has something now; the number of the arm stands
/// beside each.
pub(crate) fn receive_at_once(
    waits: &mut Waits<'_, '_>,
    mut arms: &mut [Option<(usize, &ChannelHandle)>],
) -> Option<Chosen> {
    while let Some(last) = arms.len().checked_sub(1) {
        arms.swap(waits.context.chooser().below(arms.len()), last);
        let (index, handle) = arms[last]?;
        let mut after = After::new();
        let took = handle.channel().try_receive(&mut after);
        waits.wake(after.finish());
        match took {
            Take::Item(item) => return Some((index, item.into_owned())),
            Take::Closed => return Some((index, Owned::NIL)),
            Take::Empty => arms = &mut arms[..last],
        }
    }
    None
}

/// Carries out one arm, or parks.
pub(crate) fn start(waits: &mut Waits<'_, '_>, arms: Vec<Arm>) -> Result<Progress<Chosen>, Owned> {
    Selecting::new(waits, arms)?.run(waits)
}

/// Goes on after a park.
pub(crate) fn resume(waits: &mut Waits<'_, '_>) -> Result<Progress<Chosen>, Owned> {
    let memo = waits.state.parked.take_boxed::<Selecting>();
    let mut selecting = memo.expect("a select that parks keeps its arms");
    let delivery = waits.delivery();
    selecting.leave(waits.thread);
    let (arm, outcome) = match delivery {
        Some(Delivery::Received { arm, value }) => (arm as usize, Outcome::Received(value)),
        Some(Delivery::Sent { arm }) => (arm as usize, Outcome::Nothing),
        Some(Delivery::Closed { arm }) => match selecting.arms[arm as usize].kind {
            ArmKind::Send => (arm as usize, Outcome::SentToClosed),
            ArmKind::Recv | ArmKind::Join | ArmKind::After | ArmKind::Else => {
                (arm as usize, Outcome::Nothing)
            }
        },
        Some(Delivery::Woken { arm }) => {
            waits.told_of_deadlock()?;
            let thread = thread_of(&selecting.arms[arm as usize].subject)?;
            match thread.done.join(|| None) {
                Joining::Ended(end) => (arm as usize, Outcome::Joined(end)),
                Joining::Waiting(_) | Joining::Noticed => {
                    unreachable!("a join arm is woken by the end of its thread")
                }
            }
        }
        Some(Delivery::TimedOut) => match selecting.time_over(waits.context.now()) {
            Some(i) => (i, Outcome::Nothing),
            // A tick is there, unless someone else takes it first.
            None => return selecting.run(waits),
        },
        Some(Delivery::Interrupted) | None => return Err(waits.interrupted()),
    };
    selecting.done(waits, arm, outcome)
}

impl Selecting {
    /// Checks what the arms are about.
    fn new(waits: &Waits<'_, '_>, mut arms: Vec<Arm>) -> Result<Box<Self>, Owned> {
        if arms.is_empty() {
            return Err(error(Kind::Value, "the guards of all arms of the select are false"));
        }
        let mut slots = Vec::with_capacity(arms.len());
        let (mut ticks, mut timed) = (false, false);
        for arm in &mut arms {
            let (mut item, mut at) = (None, Time::NEVER);
            match arm.kind {
                ArmKind::Recv => ticks |= channel_of(&arm.subject)?.ticks().is_some(),
                ArmKind::Send => {
                    item = Some(sendable(channel_of(&arm.subject)?, arm.value.take())?);
                }
                ArmKind::Join if thread_of(&arm.subject)? == waits.thread => {
                    return Err(joins_itself());
                }
                ArmKind::After => {
                    at = waits.context.now() + duration(&arm.subject)?;
                    timed = true;
                }
                ArmKind::Join | ArmKind::Else => {}
            }
            slots.push(Slot { item, spare: None, ticket: None, at, ready: false });
        }
        if ticks {
            slots.iter_mut().for_each(|slot| slot.spare.clone_from(&slot.item));
        }
        Ok(Box::new(Self { arms, slots, timed: timed || ticks }))
    }

    /// Carries out one arm, or parks.
    fn run(mut self: Box<Self>, waits: &mut Waits<'_, '_>) -> Result<Progress<Chosen>, Owned> {
        loop {
            match self.attempt(waits)? {
                Attempt::Chosen(i, outcome) => return self.done(waits, i, outcome),
                Attempt::Waits => {
                    waits.state.parked = Memo::boxed(self);
                    return Ok(Progress::Park);
                }
                Attempt::Noticed => waits.look()?,
            }
        }
    }

    /// Steps 1 to 4.
    fn attempt(&mut self, waits: &mut Waits<'_, '_>) -> Result<Attempt, Owned> {
        let mut after = After::new();
        let now = if self.timed { waits.context.now() } else { Time::START };
        let mut locked = Locked::new(&self.arms, now);
        let chosen = loop {
            let mut ready = 0;
            for (arm, slot) in self.arms.iter().zip(&mut self.slots) {
                slot.ready = locked.is_ready(arm, &mut after);
                ready += usize::from(slot.ready);
            }
            if ready == 0 {
                break self.idle_arm(now).map(|i| (i, Outcome::Nothing));
            }
            let nth = waits.context.chooser().below(ready);
            let mut positions = (0..self.arms.len()).filter(|&i| self.slots[i].ready);
            let i = positions.nth(nth).expect("the number is below the count");
            if let Some(outcome) = locked.carry_out(&self.arms[i], &mut self.slots[i], &mut after) {
                break Some((i, outcome));
            }
        };
        let token = if chosen.is_none() { waits.begin(WaitReason::Select).begin() } else { None };
        if let Some(token) = &token {
            for (i, (arm, slot)) in self.arms.iter().zip(&mut self.slots).enumerate() {
                locked.enlist(arm, slot, token.with_arm(arm_number(i)));
            }
        }
        drop(locked);
        waits.wake(after.finish());
        match (chosen, token) {
            (Some((i, outcome)), _) => Ok(Attempt::Chosen(i, outcome)),
            (None, Some(token)) => {
                self.wait_for_rest(waits, &token)?;
                Ok(Attempt::Waits)
            }
            (None, None) => Ok(Attempt::Noticed),
        }
    }

    /// Step 4.
    fn wait_for_rest(&mut self, waits: &mut Waits<'_, '_>, token: &WaitToken) -> Result<(), Owned> {
        let arms = self.arms.iter().zip(&mut self.slots).enumerate();
        for (i, (arm, slot)) in arms.filter(|(_, (arm, _))| arm.kind == ArmKind::Join) {
            let token = token.with_arm(arm_number(i));
            match thread_of(&arm.subject)?.done.enlist(&token) {
                Ok(ticket) => slot.ticket = ticket,
                Err(_) if token.wake() => {
                    waits.wake(Some(token));
                    return Ok(());
                }
                Err(_) => {}
            }
        }
        if self.timed {
            waits.timer_at(self.soonest());
        }
        Ok(())
    }

    /// The arm to take when no other is ready: `else`, or an `after` whose time is over.
    fn idle_arm(&self, now: Time) -> Option<usize> {
        let is_else = |arm: &Arm| arm.kind == ArmKind::Else;
        self.arms.iter().position(is_else).or_else(|| self.time_over(now))
    }

    /// The `after` arm whose time is over.
    fn time_over(&self, now: Time) -> Option<usize> {
        let over = |&i: &usize| self.arms[i].kind == ArmKind::After && self.slots[i].at <= now;
        (0..self.arms.len()).filter(over).min_by_key(|&i| self.slots[i].at)
    }

    /// When the clock makes an arm ready.
    fn soonest(&self) -> Time {
        let time = |(arm, slot): (&Arm, &Slot)| match arm.kind {
            ArmKind::Recv => channel(arm).ticks().map_or(Time::NEVER, Ticks::next),
            ArmKind::Send | ArmKind::Join | ArmKind::After | ArmKind::Else => slot.at,
        };
        self.arms.iter().zip(&self.slots).map(time).min().unwrap_or(Time::NEVER)
    }

    /// Leaves all queues.
    fn leave(&mut self, me: &ThreadRef) {
        for (arm, slot) in self.arms.iter().zip(&mut self.slots) {
            match (arm.kind, slot.ticket.take()) {
                (ArmKind::Recv, Some(ticket)) => channel(arm).channel().leave_receivers(ticket),
                (ArmKind::Send, Some(ticket)) => {
                    drop(channel(arm).channel().leave_senders(ticket));
                    slot.item.clone_from(&slot.spare);
                }
                (ArmKind::Join, ticket) => {
                    if let Ok(thread) = thread_of(&arm.subject) {
                        thread.done.leave(me, ticket);
                    }
                }
                (ArmKind::Recv | ArmKind::Send | ArmKind::After | ArmKind::Else, _) => {}
            }
        }
    }

    /// What the select gives or throws.
    fn done(
        &self,
        waits: &mut Waits<'_, '_>,
        i: usize,
        came: Outcome,
    ) -> Result<Progress<Chosen>, Owned> {
        let arm = &self.arms[i];
        let received = match came {
            Outcome::Received(value) => value.into_owned(),
            Outcome::Ticked(time, last) => {
                if last == Last::Yes {
                    close(waits, channel(arm).channel());
                }
                time::value(time)
            }
            Outcome::Nothing => Owned::NIL,
            Outcome::SentToClosed => return Err(closed()),
            Outcome::Joined(end) => outcome(thread_of(&arm.subject)?, end)?,
        };
        Ok(Progress::Done((arm.index, received)))
    }
}

/// The locked channels of all arms.
struct Locked<'a> {
    channels: Several<'a, WaitToken>,
    /// The time, if any arm depends on it.
    now: Time,
}

impl<'a> Locked<'a> {
    /// Step 1.
    fn new(arms: &'a [Arm], now: Time) -> Self {
        let channels = arms.iter().filter(|arm| has_channel(arm));
        let channels = Several::lock(channels.map(|arm| channel(arm).channel()));
        Self { channels, now }
    }

    fn of(&mut self, arm: &Arm) -> &mut State<WaitToken> {
        self.channels.of(channel(arm).channel())
    }

    fn is_ready(&mut self, arm: &Arm, after: &mut After<WaitToken>) -> bool {
        match arm.kind {
            ArmKind::Recv => {
                let ticks = channel(arm).ticks().is_some_and(|ticks| ticks.next() <= self.now);
                self.of(arm).can_receive(after) || ticks
            }
            ArmKind::Send => self.of(arm).can_send(after),
            ArmKind::Join => thread_of(&arm.subject).is_ok_and(|thread| thread.done.ended()),
            ArmKind::After | ArmKind::Else => false,
        }
    }

    /// Carries out an arm that was ready; nothing when its partner was claimed meanwhile.
    fn carry_out(
        &mut self,
        arm: &Arm,
        slot: &mut Slot,
        after: &mut After<WaitToken>,
    ) -> Option<Outcome> {
        match arm.kind {
            ArmKind::Recv => match self.of(arm).take(after) {
                Take::Item(item) => Some(Outcome::Received(item)),
                Take::Closed => Some(Outcome::Nothing),
                Take::Empty => match channel(arm).ticks()?.take(self.now) {
                    Tick::Taken(time, last) => Some(Outcome::Ticked(time, last)),
                    Tick::Later(_) => None,
                },
            },
            ArmKind::Send => match self.of(arm).put(slot.item.take()?, after) {
                Put::Done => Some(Outcome::Nothing),
                Put::Closed(item) => {
                    // Kept, to be dropped without the locks.
                    slot.item = Some(item);
                    Some(Outcome::SentToClosed)
                }
                Put::Full(item) => {
                    slot.item = Some(item);
                    None
                }
            },
            ArmKind::Join => match thread_of(&arm.subject).ok()?.done.join(|| None) {
                Joining::Ended(end) => Some(Outcome::Joined(end)),
                Joining::Waiting(_) | Joining::Noticed => None,
            },
            ArmKind::After | ArmKind::Else => None,
        }
    }

    /// Step 3 for one arm.
    fn enlist(&mut self, arm: &Arm, slot: &mut Slot, token: WaitToken) {
        match arm.kind {
            ArmKind::Recv => slot.ticket = Some(self.of(arm).enlist_receiver(token)),
            ArmKind::Send => {
                if let Some(item) = slot.item.take() {
                    slot.ticket = Some(self.of(arm).enlist_sender(token, item));
                }
            }
            ArmKind::Join | ArmKind::After | ArmKind::Else => {}
        }
    }
}

fn has_channel(arm: &Arm) -> bool {
    matches!(arm.kind, ArmKind::Recv | ArmKind::Send)
}

/// The channel of an arm that was checked.
fn channel(arm: &Arm) -> &ChannelHandle {
    channel_of(&arm.subject).unwrap_or_else(|_| unreachable!("the arm was checked on entry"))
}

fn arm_number(i: usize) -> u16 {
    u16::try_from(i).expect("a select has fewer than 2^16 arms")
}
