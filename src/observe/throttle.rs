//! A limit on how often something is done in a second, with a count of what was left out.

use std::cell::Cell;

use crate::token::Timestamp;

/// Lets through so many a second and counts the others.
pub struct Throttle {
    limit: u32,
    second: Cell<Timestamp>,
    passed: Cell<u32>,
    /// In this second.
    left_out: Cell<u64>,
    /// In seconds that are over, and not told yet.
    untold: Cell<u64>,
}

impl Throttle {
    /// A throttle that lets `limit` through in each second of the clock.
    pub fn new(limit: u32) -> Self {
        Self { limit, second: Cell::new(0), passed: Cell::new(0), left_out: Cell::new(0), untold: Cell::new(0) }
    }

    /// Whether one more may pass now.
    pub fn admits(&self, now: Timestamp) -> bool {
        if self.second.replace(now) != now {
            self.passed.set(0);
            self.end_second();
        }
        if self.passed.get() < self.limit {
            self.passed.set(self.passed.get().saturating_add(1));
            return true;
        }
        self.left_out.set(self.left_out.get().saturating_add(1));
        false
    }

    /// How many were left out in seconds that are over, if any; counts anew from there. The clock is asked only if some were.
    pub fn left_out(&self, now: impl FnOnce() -> Timestamp) -> Option<u64> {
        if self.left_out.get() > 0 && self.second.get() != now() {
            self.end_second();
        }
        let untold = self.untold.take();
        (untold > 0).then_some(untold)
    }

    /// Takes over what another has not told, and never will.
    pub fn inherit(&self, ended: &Self) {
        ended.end_second();
        self.untold.set(self.untold.get().saturating_add(ended.untold.take()));
    }

    fn end_second(&self) {
        self.untold.set(self.untold.get().saturating_add(self.left_out.take()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_pass_in_a_second_and_the_others_are_counted() {
        let throttle = Throttle::new(3);
        let passed = |now, tries: u32| (0..tries).filter(|_| throttle.admits(now)).count();
        assert_eq!(passed(10, 2), 2);
        assert_eq!(throttle.left_out(|| 11), None);
        assert_eq!(passed(10, 5), 1);
        assert_eq!(throttle.left_out(|| 10), None, "the second is not over");
        assert_eq!(throttle.left_out(|| 11), Some(4));
        assert_eq!(throttle.left_out(|| 11), None);
        assert_eq!(passed(11, 4), 3);
        // A clock that is set back starts a second of its own.
        assert_eq!(passed(9, 4), 3);
        assert_eq!(throttle.left_out(|| 11), Some(2));
    }

    #[test]
    fn what_one_has_not_told_another_tells_once() {
        let (ended, throttle) = (Throttle::new(1), Throttle::new(1));
        let flood = |throttle: &Throttle, now, tries| (0..tries).for_each(|_| _ = throttle.admits(now));
        flood(&ended, 1, 3);
        flood(&ended, 2, 4);
        flood(&throttle, 2, 5);
        throttle.inherit(&ended);
        assert_eq!(throttle.left_out(|| 2), Some(2 + 3), "and not yet its own");
        throttle.inherit(&ended);
        assert_eq!(throttle.left_out(|| 3), Some(4));
        assert_eq!((throttle.left_out(|| 9), ended.left_out(|| 9)), (None, None));
    }

    #[test]
    fn a_flood_that_goes_on_is_told_second_by_second() {
        let throttle = Throttle::new(1);
        for second in 1..=5 {
            // Something comes in each second before it is asked what was left out.
            assert_eq!((throttle.admits(second), throttle.admits(second)), (true, false));
            assert_eq!(throttle.left_out(|| second), (second > 1).then_some(1), "{second}");
        }
        assert_eq!(throttle.left_out(|| 6), Some(1));
    }
}
