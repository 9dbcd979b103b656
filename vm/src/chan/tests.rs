use std::{cell::RefCell, rc::Rc};

use super::*;

/// A waiter that notes how its wait ended. `open` says whether it still waits.
#[derive(Clone, Debug)]
struct Probe {
    name: char,
    ended: Rc<RefCell<Option<Event<u32>>>>,
    open: Rc<RefCell<bool>>,
}

impl Probe {
    fn new(name: char) -> Self {
        Self { name, ended: Rc::default(), open: Rc::new(RefCell::new(true)) }
    }

    /// The wait ends for another reason.
    fn leave(&self) {
        *self.open.borrow_mut() = false;
    }

    fn ended(&self) -> Option<Event<u32>> {
        self.ended.borrow_mut().take()
    }
}

impl Waiter for Probe {
    type Item = u32;

    fn end(&self, event: Event<u32>) -> Result<(), Event<u32>> {
        if !self.open.replace(false) {
            return Err(event);
        }
        *self.ended.borrow_mut() = Some(event);
        Ok(())
    }

    fn is_open(&self) -> bool {
        *self.open.borrow()
    }
}

fn receive(channel: &Channel<Probe>, probe: &Probe) -> (Receiving<u32>, Option<char>) {
    let mut after = After::new();
    let outcome = channel.receive(&mut after, || Some(probe.clone()));
    (outcome, after.finish().map(|woken| woken.name))
}

fn send(channel: &Channel<Probe>, item: u32, probe: &Probe) -> (Sending<u32>, Option<char>) {
    let mut after = After::new();
    let outcome = channel.send(item, &mut after, || Some(probe.clone()));
    (outcome, after.finish().map(|woken| woken.name))
}

#[track_caller]
fn waits(channel: &Channel<Probe>, probe: &Probe) -> Ticket {
    match receive(channel, probe) {
        (Receiving::Waiting(ticket), None) => ticket,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn send_waits(channel: &Channel<Probe>, item: u32, probe: &Probe) -> Ticket {
    match send(channel, item, probe) {
        (Sending::Waiting(ticket), None) => ticket,
        other => panic!("{other:?}"),
    }
}

fn probes() -> [Probe; 3] {
    [Probe::new('a'), Probe::new('b'), Probe::new('c')]
}

#[test]
fn a_rendezvous_hands_the_item_to_the_waiting_receiver() {
    let ([a, b, _], channel) = (probes(), Channel::new(1, 0));
    waits(&channel, &a);
    assert_eq!(send(&channel, 7, &b), (Sending::Done, Some('a')));
    assert_eq!((a.ended(), b.ended()), (Some(Event::Received(7)), None));
    assert_eq!(channel.len(), 0);
}

#[test]
fn a_rendezvous_takes_the_item_of_the_waiting_sender() {
    let ([a, b, _], channel) = (probes(), Channel::new(1, 0));
    send_waits(&channel, 7, &a);
    assert_eq!(channel.len(), 0);
    assert_eq!(receive(&channel, &b), (Receiving::Item(7), Some('a')));
    assert_eq!(a.ended(), Some(Event::Sent));
}

#[test]
fn receivers_are_served_in_order() {
    let ([a, b, c], channel) = (probes(), Channel::new(1, 5));
    waits(&channel, &a);
    waits(&channel, &b);
    assert_eq!(send(&channel, 1, &c), (Sending::Done, Some('a')));
    assert_eq!(send(&channel, 2, &c), (Sending::Done, Some('b')));
    assert_eq!(send(&channel, 3, &c), (Sending::Done, None));
    assert_eq!((a.ended(), b.ended()), (Some(Event::Received(1)), Some(Event::Received(2))));
    assert_eq!(channel.len(), 1);
}

#[test]
fn items_keep_their_order_past_a_full_buffer() {
    let ([a, b, c], channel) = (probes(), Channel::new(1, 1));
    assert_eq!(send(&channel, 1, &c), (Sending::Done, None));
    send_waits(&channel, 2, &a);
    send_waits(&channel, 3, &b);
    assert_eq!(receive(&channel, &c), (Receiving::Item(1), Some('a')));
    assert_eq!((a.ended(), b.ended()), (Some(Event::Sent), None));
    assert_eq!(receive(&channel, &c), (Receiving::Item(2), Some('b')));
    assert_eq!(receive(&channel, &c), (Receiving::Item(3), None));
    waits(&channel, &c);
}

#[test]
fn a_receiver_that_left_is_passed_over() {
    let ([a, b, c], channel) = (probes(), Channel::new(1, 0));
    let ticket = waits(&channel, &a);
    waits(&channel, &b);
    a.leave();
    assert_eq!(send(&channel, 7, &c), (Sending::Done, Some('b')));
    assert_eq!((a.ended(), b.ended()), (None, Some(Event::Received(7))));
    channel.leave_receivers(ticket);
}

#[test]
fn a_sender_that_left_has_not_sent() {
    let ([a, b, c], channel) = (probes(), Channel::new(1, 0));
    let ticket = send_waits(&channel, 1, &a);
    send_waits(&channel, 2, &b);
    a.leave();
    assert_eq!(channel.leave_senders(ticket), Some(1));
    assert_eq!(channel.leave_senders(ticket), None);
    assert_eq!(receive(&channel, &c), (Receiving::Item(2), Some('b')));
}

#[test]
fn a_sender_found_gone_by_a_receiver_has_not_sent() {
    let ([a, b, c], channel) = (probes(), Channel::new(1, 0));
    send_waits(&channel, 1, &a);
    a.leave();
    waits(&channel, &c);
    assert_eq!(send(&channel, 2, &b), (Sending::Done, Some('c')));
    assert_eq!(c.ended(), Some(Event::Received(2)));
}

#[test]
fn closing_ends_all_waits_and_keeps_the_buffer() {
    let ([a, b, c], channel) = (probes(), Channel::new(1, 1));
    let _ = send(&channel, 1, &c);
    send_waits(&channel, 2, &a);
    send_waits(&channel, 3, &b);
    let names = |woken: Vec<Probe>| woken.iter().map(|probe| probe.name).collect::<String>();
    assert_eq!(names(channel.close()), "ab");
    assert_eq!((a.ended(), b.ended()), (Some(Event::Closed), Some(Event::Closed)));
    assert!(!channel.is_closed(), "one item is left");
    assert_eq!(send(&channel, 4, &c), (Sending::Closed(4), None));
    assert_eq!(receive(&channel, &c), (Receiving::Item(1), None));
    assert_eq!(receive(&channel, &c), (Receiving::Closed, None));
    assert!(channel.is_closed());
    assert_eq!(names(channel.close()), "");

    let channel = Channel::new(2, 0);
    let d = Probe::new('d');
    waits(&channel, &d);
    assert_eq!(names(channel.close()), "d");
    assert_eq!(d.ended(), Some(Event::Closed));
}

#[test]
fn a_wait_that_does_not_begin_changes_nothing() {
    let ([a, _, c], channel) = (probes(), Channel::new(1, 0));
    assert_eq!(channel.receive(&mut After::new(), || None), Receiving::Noticed);
    assert_eq!(channel.send(5, &mut After::new(), || None), Sending::Noticed(5));
    send_waits(&channel, 6, &a);
    assert_eq!(receive(&channel, &c), (Receiving::Item(6), Some('a')));
}

#[test]
fn readiness_tells_what_an_attempt_would_do() {
    let ([a, b, c], channel) = (probes(), Channel::new(1, 1));
    let ready = || {
        let mut after = After::new();
        let mut state = channel.lock();
        let ready = (state.can_receive(&mut after), state.can_send(&mut after));
        drop(state);
        (ready, after.stale.map_or(0, |stale| stale.len()))
    };
    assert_eq!(ready(), ((false, true), 0));
    let _ = send(&channel, 1, &c);
    assert_eq!(ready(), ((true, false), 0));
    let _ = receive(&channel, &c);
    waits(&channel, &a);
    waits(&channel, &b);
    a.leave();
    assert_eq!(ready(), ((false, true), 1));
    channel.close();
    assert_eq!(ready(), ((true, true), 0));
}

/// Any mix of operations behaves as the plain description of a channel does.
#[test]
fn agrees_with_a_plain_model() {
    for capacity in [0, 1, 3, usize::MAX] {
        let mut random = 42_u64;
        let channel = Channel::new(1, capacity);
        let mut buffer = std::collections::VecDeque::new();
        let mut receivers: Vec<(Probe, Ticket)> = Vec::new();
        let mut senders: Vec<(Probe, Ticket, u32)> = Vec::new();
        for item in 0..5_000_u32 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let choice = (random >> 33) as usize;
            let probe = Probe::new('x');
            match choice % 6 {
                0 | 1 => {
                    let (outcome, _) = send(&channel, item, &probe);
                    if !receivers.is_empty() {
                        assert_eq!(outcome, Sending::Done);
                        assert_eq!(receivers.remove(0).0.ended(), Some(Event::Received(item)));
                    } else if buffer.len() < capacity {
                        assert_eq!(outcome, Sending::Done);
                        buffer.push_back(item);
                    } else if let Sending::Waiting(ticket) = outcome {
                        senders.push((probe, ticket, item));
                    } else {
                        panic!("{outcome:?}");
                    }
                }
                2 | 3 => {
                    let (outcome, _) = receive(&channel, &probe);
                    let accepted = (!senders.is_empty()).then(|| {
                        let (sender, _, item) = senders.remove(0);
                        assert_eq!(sender.ended(), Some(Event::Sent));
                        item
                    });
                    buffer.extend(accepted);
                    match buffer.pop_front() {
                        Some(oldest) => assert_eq!(outcome, Receiving::Item(oldest)),
                        None => match outcome {
                            Receiving::Waiting(ticket) => receivers.push((probe, ticket)),
                            other => panic!("{other:?}"),
                        },
                    }
                }
                4 if !receivers.is_empty() => {
                    let (probe, ticket) = receivers.remove(choice / 6 % receivers.len());
                    probe.leave();
                    if (choice / 64).is_multiple_of(2) {
                        channel.leave_receivers(ticket);
                    }
                }
                5 if !senders.is_empty() => {
                    let (probe, ticket, item) = senders.remove(choice / 6 % senders.len());
                    probe.leave();
                    if (choice / 64).is_multiple_of(2) {
                        assert_eq!(channel.leave_senders(ticket), Some(item));
                    }
                }
                _ => {}
            }
        }
    }
}
