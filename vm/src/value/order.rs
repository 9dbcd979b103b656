//! Order, without recursion: `<` and its kin.
//!
//! Two numbers, two strings, two lists, two of bytes have an order, and records of one type that
//! defines `<`. That is a function of the script: as in `compare`, there is a way to ask that gives
//! up when it meets one ([`try_less`]), and one that hands the question out ([`Less`]).

use std::cmp::Ordering;
use std::collections::HashSet;

use super::compare::{
    Comparison, PATIENCE, Verdict, first_time, is_long, own_operator, try_equals,
};
use super::error::{Kind, error};
use super::number::compare_int_float;
use super::{ListObject, Operator, Owned, View};
use crate::rc;

/// How two values stand to each other.
enum Relation {
    /// As said; `None` when NaN decides it.
    Known(Option<Ordering>),
    /// The operator of a type must be asked.
    Ask,
}

/// `a < b` where that has a meaning and no type with an own operator occurs; else an error.
pub(crate) fn less(a: &Owned, b: &Owned) -> Result<bool, Owned> {
    Ok(compare(a, b)? == Some(Ordering::Less))
}

/// `a <= b`, which is `not (b < a)`.
pub(crate) fn less_equal(a: &Owned, b: &Owned) -> Result<bool, Owned> {
    Ok(!less(b, a)?)
}

/// `a < b`, or an error that names both types where that has no meaning. `None` when the `<` or
/// `==` of a type must be asked: see [`Less`].
pub(crate) fn try_less(a: &Owned, b: &Owned) -> Result<Option<bool>, Owned> {
    Ok(match relation(a, b)? {
        Relation::Known(order) => Some(order == Some(Ordering::Less)),
        Relation::Ask => None,
    })
}

/// How two numbers, two strings, two lists or two of bytes stand to each other; `None` when NaN
/// decides it. An error where an operator of the script would decide.
pub(crate) fn compare(a: &Owned, b: &Owned) -> Result<Option<Ordering>, Owned> {
    match relation(a, b)? {
        Relation::Known(order) => Ok(order),
        Relation::Ask => {
            let text = format!("cannot ask for the `<` of {} here", a.type_name());
            Err(error(Kind::Type, text))
        }
    }
}

fn relation(a: &Owned, b: &Owned) -> Result<Relation, Owned> {
    if let Some(answer) = compare_leaves(a, b) {
        return Ok(Relation::Known(answer));
    }
    if own_operator(a, b, Operator::Lt).is_some() {
        return Ok(Relation::Ask);
    }
    let (Some(list_a), Some(list_b)) = (a.as_list(), b.as_list()) else {
        return Err(incomparable(a, b));
    };
    match compare_flat(list_a, list_b) {
        Some(answer) => Ok(Relation::Known(answer)),
        None => relation_of_lists(a, b),
    }
}

/// The answer of two lists, as far as only leaves are looked at for it.
fn compare_flat(a: &ListObject, b: &ListObject) -> Option<Option<Ordering>> {
    let mut steps = rc::Steps::new();
    for (a, b) in a.iter().zip(b) {
        steps.turn();
        match compare_leaves(&a, &b)? {
            Some(Ordering::Equal) => {}
            answer => return Some(answer),
        }
    }
    Some(Some(a.len().cmp(&b.len())))
}

fn relation_of_lists<'a>(mut a: &'a Owned, mut b: &'a Owned) -> Result<Relation, Owned> {
    // The rests of the lists that are being compared.
    let mut rests: Vec<(&[Owned], &[Owned])> = Vec::new();
    let mut begun = 0;
    let mut known = HashSet::new();
    let mut steps = rc::Steps::new();
    loop {
        steps.turn();
        match (compare_leaves(a, b), a.view(), b.view()) {
            (Some(Some(Ordering::Equal)), ..) => {}
            (Some(answer), ..) => return Ok(Relation::Known(answer)),
            (None, View::List(list_a), View::List(list_b)) => {
                begun += 1;
                let patient = begun <= PATIENCE && !is_long(a);
                if patient || first_time(&mut known, a, b) {
                    match (list_a.values(), list_b.values()) {
                        (Some(values_a), Some(values_b)) => rests.push((values_a, values_b)),
                        _ => match compare_packed(list_a, list_b)? {
                            Some(Ordering::Equal) => {}
                            answer => return Ok(Relation::Known(answer)),
                        },
                    }
                }
            }
            _ => match try_equals(a, b) {
                Some(true) => {}
                None => return Ok(Relation::Ask),
                Some(false) if own_operator(a, b, Operator::Lt).is_some() => {
                    return Ok(Relation::Ask);
                }
                Some(false) => return Err(incomparable(a, b)),
            },
        }
        match next(&mut rests) {
            Next::Pair(next_a, next_b) => (a, b) = (next_a, next_b),
            Next::Done(answer) => return Ok(Relation::Known(Some(answer))),
        }
    }
}

/// Two lists, one of which is packed: no element of that holds other values, or has an operator.
fn compare_packed(a: &ListObject, b: &ListObject) -> Result<Option<Ordering>, Owned> {
    let mut steps = rc::Steps::new();
    for (a, b) in a.iter().zip(b) {
        steps.turn();
        match compare_leaves(&a, &b) {
            Some(Some(Ordering::Equal)) => {}
            Some(answer) => return Ok(answer),
            None if try_equals(&a, &b) == Some(true) => {}
            None => return Err(incomparable(&a, &b)),
        }
    }
    Ok(Some(a.len().cmp(&b.len())))
}

#[cold]
fn incomparable(a: &Owned, b: &Owned) -> Owned {
    let mut text = format!("cannot compare {} and {}", a.type_name(), b.type_name());
    if let (Some(a), Some(b)) = (a.as_record(), b.as_record())
        && a.type_ref().same_owner(b.type_ref())
    {
        text.push_str("; define `fn <(self, other)` in it");
    }
    error(Kind::Type, text)
}

enum Next<'a> {
    Pair(&'a Owned, &'a Owned),
    Done(Ordering),
}

/// The next two elements to compare, or the answer when one list has ended.
fn next<'a>(rests: &mut Vec<(&'a [Owned], &'a [Owned])>) -> Next<'a> {
    while let Some((a, b)) = rests.last_mut() {
        match (*a, *b) {
            ([], []) => {
                rests.pop();
            }
            ([], _) => return Next::Done(Ordering::Less),
            (_, []) => return Next::Done(Ordering::Greater),
            ([first_a, rest_a @ ..], [first_b, rest_b @ ..]) => {
                (*a, *b) = (rest_a, rest_b);
                if rest_a.is_empty() && rest_b.is_empty() {
                    rests.pop();
                }
                return Next::Pair(first_a, first_b);
            }
        }
    }
    Next::Done(Ordering::Equal)
}

#[inline]
fn compare_leaves(a: &Owned, b: &Owned) -> Option<Option<Ordering>> {
    Some(match (a.view(), b.view()) {
        (View::Int(a), View::Int(b)) => Some(a.cmp(&b)),
        (View::Float(a), View::Float(b)) => a.partial_cmp(&b),
        (View::Int(a), View::Float(b)) => compare_int_float(a, b),
        (View::Float(a), View::Int(b)) => compare_int_float(b, a).map(Ordering::reverse),
        // Bytes of UTF-8 are in the order of the characters.
        (View::Str(a), View::Str(b)) => Some(compare_bytes(a.as_bytes(), b.as_bytes())),
        (View::Bytes(a), View::Bytes(b)) => Some(compare_bytes(a, b)),
        _ => return None,
    })
}

#[inline]
fn compare_bytes(a: &[u8], b: &[u8]) -> Ordering {
    rc::work_on(a.len().min(b.len()));
    a.cmp(b)
}

/// `a < b`, which asks for the own `<` and `==` of types.
pub(crate) struct Less {
    /// The lists that are being compared, and the next element of both.
    lists: Vec<(Owned, Owned, usize)>,
    stage: Stage,
    begun: usize,
    known: HashSet<(u64, u64)>,
}

enum Stage {
    /// Two values are next. In a list they may also be equal; the two in question are not asked.
    Pair(Owned, Owned),
    /// Two elements of lists that have an operator of their own: are they equal?
    Equal(Owned, Owned, Comparison),
    /// Elements of lists that are not equal, or the two values in question: the answer to their
    /// `<` is the answer.
    Asked,
    /// It is known.
    Done(bool),
}

impl Less {
    /// A comparison that has not begun.
    pub(crate) fn new(a: Owned, b: Owned) -> Self {
        Self { lists: Vec::new(), stage: Stage::Pair(a, b), begun: 0, known: HashSet::new() }
    }

    /// Goes on, to the answer or the next question. An error where there is no order.
    pub(crate) fn next(&mut self) -> Result<Verdict, Owned> {
        let mut steps = rc::Steps::new();
        loop {
            steps.turn();
            match std::mem::replace(&mut self.stage, Stage::Asked) {
                Stage::Pair(a, b) => {
                    if let Some(done) = self.pair(a, b)? {
                        return Ok(done);
                    }
                }
                Stage::Equal(a, b, mut comparison) => match comparison.next() {
                    Verdict::Known(true) => self.stage = self.next_pair(),
                    Verdict::Known(false) => return ask(a, b),
                    ask @ Verdict::Ask { .. } => {
                        self.stage = Stage::Equal(a, b, comparison);
                        return Ok(ask);
                    }
                },
                Stage::Asked => unreachable!("goes on with an answer only"),
                Stage::Done(less) => {
                    self.stage = Stage::Done(less);
                    return Ok(Verdict::Known(less));
                }
            }
        }
    }

    /// The answer to the last question.
    pub(crate) fn answer(&mut self, yes: bool) {
        match &mut self.stage {
            Stage::Equal(_, _, comparison) => comparison.answer(yes),
            stage => *stage = Stage::Done(yes),
        }
    }

    /// Compares two values; `None` when `stage` says how it goes on.
    fn pair(&mut self, a: Owned, b: Owned) -> Result<Option<Verdict>, Owned> {
        match (compare_leaves(&a, &b), a.view(), b.view()) {
            (Some(Some(Ordering::Equal)), ..) => self.stage = self.next_pair(),
            (Some(order), ..) => self.stage = Stage::Done(order == Some(Ordering::Less)),
            (None, View::List(_), View::List(_)) => {
                // Both are held, so the counts say nothing about how often they occur.
                let pair = (a.as_raw().bits, b.as_raw().bits);
                self.begun += 1;
                if self.begun <= PATIENCE || self.known.insert(pair) {
                    self.lists.push((a, b, 0));
                }
                self.stage = self.next_pair();
            }
            // The two in question.
            _ if self.lists.is_empty() => return ask(a, b).map(Some),
            _ => {
                let comparison = Comparison::new(a.clone(), b.clone());
                self.stage = Stage::Equal(a, b, comparison);
            }
        }
        Ok(None)
    }

    fn next_pair(&mut self) -> Stage {
        while let Some((a, b, next)) = self.lists.last_mut() {
            let (Some(x), Some(y)) = (a.as_list(), b.as_list()) else {
                unreachable!("only lists are walked");
            };
            let at = *next;
            *next += 1;
            match (x.get(at), y.get(at)) {
                (None, None) => {
                    self.lists.pop();
                }
                (None, _) => return Stage::Done(true),
                (_, None) => return Stage::Done(false),
                (Some(p), Some(q)) => return Stage::Pair(p, q),
            }
        }
        Stage::Done(false)
    }
}

impl std::fmt::Debug for Less {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Less").finish_non_exhaustive()
    }
}

/// The question whether `left` is less, or an error when their type has no `<`.
fn ask(left: Owned, right: Owned) -> Result<Verdict, Owned> {
    match own_operator(&left, &right, Operator::Lt) {
        Some(function) => Ok(Verdict::Ask { function, left, right }),
        None => Err(incomparable(&left, &right)),
    }
}
