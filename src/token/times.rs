//! The registered claims that bound a token in time (RFC 7519 §4.1.4 to §4.1.6), checked against a given time.

use std::fmt;

use crate::encoding::json::Members;

/// Seconds since the epoch, whole.
pub type Timestamp = u64;

/// Which of the time claims a policy verifies. What it does not verify it does not look at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimeChecks {
    /// `exp` must be a number and lie in the future.
    pub exp: bool,
    /// `nbf` must be a number and not lie in the future.
    pub nbf: bool,
    /// How many seconds `exp` may be ahead; `None` for any number.
    pub maximum_expiration: Option<u32>,
    /// How many seconds ago `iat` may be. It must then be a number and not lie in the future.
    pub maximum_age: Option<u32>,
    /// How many seconds the clocks of signer and filter may differ: so much later `exp` ends, and earlier `nbf` begins.
    pub clock_skew: u32,
}

impl TimeChecks {
    /// These, and the claims that others verify.
    pub fn with(self, others: Self) -> Self {
        Self { exp: self.exp || others.exp, nbf: self.nbf || others.nbf, ..self }
    }
}

/// The time claims of a token: seconds since the epoch, `None` where absent or no number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Times {
    exp: Option<f64>,
    nbf: Option<f64>,
    iat: Option<f64>,
}

impl Times {
    /// Reads the time claims of a claims set.
    pub fn of(claims: &Members) -> Self {
        let number = |name| claims.get(name)?.number();
        Self { exp: number("exp"), nbf: number("nbf"), iat: number("iat") }
    }

    /// When the token was issued, if it says so.
    pub fn issued_at(&self) -> Option<f64> {
        self.iat
    }

    /// Checks the claims against the time `now`.
    pub fn check(&self, checks: TimeChecks, now: Timestamp) -> Result<(), ClaimFaults> {
        let now = now as f64;
        let skew = f64::from(checks.clock_skew);
        let faults = ClaimFaults {
            exp: checks.exp.then(|| verify(self.exp, |exp| exp + skew <= now, ClaimFault::Expired)).flatten(),
            nbf: checks.nbf.then(|| verify(self.nbf, |nbf| nbf - skew > now, ClaimFault::NotValidYet)).flatten(),
            iat: checks.maximum_age.and_then(|maximum| self.age_fault(f64::from(maximum), skew, now)),
        };
        if faults != ClaimFaults::default() {
            return Err(faults);
        }
        match checks.maximum_expiration {
            Some(maximum) if self.exp.is_none_or(|exp| exp - now > f64::from(maximum)) => {
                Err(ClaimFaults { exp: Some(ClaimFault::TooFarOff), ..ClaimFaults::default() })
            }
            _ => Ok(()),
        }
    }

    /// What is wrong with `iat`, where a token may be so many seconds old.
    fn age_fault(&self, maximum: f64, skew: f64, now: f64) -> Option<ClaimFault> {
        match self.iat {
            None => Some(ClaimFault::NotANumber),
            Some(iat) if iat - skew > now => Some(ClaimFault::NotValidYet),
            Some(iat) => (now - iat > maximum + skew).then_some(ClaimFault::TooOld),
        }
    }
}

/// The fault of one claim, if it has one.
fn verify(claim: Option<f64>, is_wrong: impl Fn(f64) -> bool, fault: ClaimFault) -> Option<ClaimFault> {
    match claim {
        None => Some(ClaimFault::NotANumber),
        Some(time) => is_wrong(time).then_some(fault),
    }
}

/// What is wrong with a time claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimFault {
    /// The claim is absent or no number.
    NotANumber,
    /// `exp` is not in the future.
    Expired,
    /// `nbf` or `iat` is in the future.
    NotValidYet,
    /// `iat` is longer ago than the policy allows.
    TooOld,
    /// `exp` is further in the future than the policy allows.
    TooFarOff,
}

impl fmt::Display for ClaimFault {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(match self {
            Self::NotANumber => "must be a number",
            Self::Expired => "token expired",
            Self::NotValidYet => "token not valid yet",
            Self::TooOld => "token too old",
            Self::TooFarOff => "exceeds maximum allowed expiration",
        })
    }
}

/// The faults of a token's time claims, at least one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClaimFaults {
    /// What is wrong with `exp`.
    pub exp: Option<ClaimFault>,
    /// What is wrong with `nbf`.
    pub nbf: Option<ClaimFault>,
    /// What is wrong with `iat`.
    pub iat: Option<ClaimFault>,
}

impl ClaimFaults {
    /// Whether nothing is wrong but that the token's time is over, by `exp` or by its age.
    pub fn are_expiry(&self) -> bool {
        self.iter().all(|(_, fault)| matches!(fault, ClaimFault::Expired | ClaimFault::TooOld))
    }

    /// The claims at fault by name, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, ClaimFault)> {
        [("exp", self.exp), ("nbf", self.nbf), ("iat", self.iat)]
            .into_iter()
            .filter_map(|(name, fault)| Some((name, fault?)))
    }
}

impl fmt::Display for ClaimFaults {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        for (position, (name, fault)) in self.iter().enumerate() {
            let separator = if position == 0 { "" } else { ", " };
            write!(formatter, "{separator}{name}: {fault}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = 1_700_000_000;
    const NONE: TimeChecks =
        TimeChecks { exp: false, nbf: false, maximum_expiration: None, maximum_age: None, clock_skew: 0 };
    const EXP: TimeChecks = TimeChecks { exp: true, ..NONE };
    const NBF: TimeChecks = TimeChecks { nbf: true, ..NONE };
    const BOTH: TimeChecks = TimeChecks { exp: true, nbf: true, ..NONE };
    const WITHIN_AN_HOUR: TimeChecks = TimeChecks { maximum_expiration: Some(3600), ..EXP };

    fn check(claims: &str, checks: TimeChecks) -> String {
        let result = Times::of(&Members::parse(claims).unwrap()).check(checks, NOW);
        result.err().map(|faults| faults.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_either_demands_is_checked() {
        for (one, other, both) in [(NONE, NONE, NONE), (EXP, NONE, EXP), (NBF, NONE, NBF), (EXP, NBF, BOTH)] {
            assert_eq!((one.with(other), other.with(one)), (both, both));
            assert_eq!(one.with(one), one);
        }
        assert_eq!(WITHIN_AN_HOUR.with(NONE), WITHIN_AN_HOUR);
    }

    #[test]
    fn exp_must_lie_in_the_future() {
        assert_eq!(check(r#"{"exp":1700000001}"#, EXP), "");
        assert_eq!(check(r#"{"exp":1700000000}"#, EXP), "exp: token expired");
        assert_eq!(check(r#"{"exp":1700000000.5}"#, EXP), "");
        assert_eq!(check(r#"{"exp":1e400}"#, EXP), "");
        assert_eq!(check(r#"{"exp":18446744073709551616}"#, EXP), "");
        for past in ["-1", "1.5", "0", "-1e400", "1e-400"] {
            assert_eq!(check(&format!(r#"{{"exp":{past}}}"#), EXP), "exp: token expired", "{past}");
        }
    }

    #[test]
    fn nbf_must_not_lie_in_the_future() {
        assert_eq!(check(r#"{"nbf":1700000000}"#, NBF), "");
        assert_eq!(check(r#"{"nbf":1700000001}"#, NBF), "nbf: token not valid yet");
        assert_eq!(check(r#"{"nbf":1e400}"#, NBF), "nbf: token not valid yet");
    }

    #[test]
    fn clocks_may_differ_by_the_skew_and_no_second_more() {
        let skewed = TimeChecks { clock_skew: 30, ..BOTH };
        for (exp, nbf, fault) in [
            (1_699_999_971_u64, 1_700_000_030_u64, ""),
            (1_699_999_970, 1_700_000_030, "exp: token expired"),
            (1_699_999_971, 1_700_000_031, "nbf: token not valid yet"),
        ] {
            assert_eq!(check(&format!(r#"{{"exp":{exp},"nbf":{nbf}}}"#), skewed), fault);
        }
        let within_an_hour = TimeChecks { clock_skew: 30, ..WITHIN_AN_HOUR };
        let too_far = "exp: exceeds maximum allowed expiration";
        assert_eq!(check(r#"{"exp":1700003601}"#, within_an_hour), too_far, "the skew does not lengthen the maximum");
    }

    #[test]
    fn a_token_may_be_no_older_than_the_maximum_and_not_of_the_future() {
        let checks = TimeChecks { maximum_age: Some(600), ..NONE };
        let skewed = TimeChecks { clock_skew: 30, ..checks };
        for (iat, fault, fault_with_skew) in [
            ("1700000000", "", ""),
            ("1699999400", "", ""),
            ("1699999399", "iat: token too old", ""),
            ("1699999370", "iat: token too old", ""),
            ("1699999369", "iat: token too old", "iat: token too old"),
            ("1700000001", "iat: token not valid yet", ""),
            ("1700000031", "iat: token not valid yet", "iat: token not valid yet"),
            ("1e400", "iat: token not valid yet", "iat: token not valid yet"),
            ("-1e400", "iat: token too old", "iat: token too old"),
            (r#""1700000000""#, "iat: must be a number", "iat: must be a number"),
            ("null", "iat: must be a number", "iat: must be a number"),
        ] {
            let claims = format!(r#"{{"iat":{iat}}}"#);
            assert_eq!(
                (check(&claims, checks), check(&claims, skewed)),
                (fault.to_owned(), fault_with_skew.to_owned())
            );
        }
        assert_eq!(
            check(r#"{"exp":1}"#, TimeChecks { exp: true, ..checks }),
            "exp: token expired, iat: must be a number"
        );
        assert_eq!(check(r#"{"iat":1}"#, NONE), "");
    }

    #[test]
    fn a_verified_claim_must_be_a_number() {
        for value in [r#""1800000000""#, "null", "true", "[1800000000]", r#"{"a":1}"#] {
            assert_eq!(check(&format!(r#"{{"exp":{value}}}"#), EXP), "exp: must be a number", "{value}");
        }
        assert_eq!(check("{}", BOTH), "exp: must be a number, nbf: must be a number");
        assert_eq!(check(r#"{"exp":1,"nbf":"x"}"#, BOTH), "exp: token expired, nbf: must be a number");
    }

    #[test]
    fn what_is_not_verified_is_not_looked_at() {
        assert_eq!(check(r#"{"exp":"never","nbf":1800000000}"#, NONE), "");
        assert_eq!(check(r#"{"exp":1800000000,"nbf":[]}"#, EXP), "");
    }

    #[test]
    fn exp_may_not_be_further_off_than_the_maximum() {
        assert_eq!(check(r#"{"exp":1700003600}"#, WITHIN_AN_HOUR), "");
        let too_far = "exp: exceeds maximum allowed expiration";
        for exp in ["1700003601", "1e400", "18446744073709551616"] {
            assert_eq!(check(&format!(r#"{{"exp":{exp}}}"#), WITHIN_AN_HOUR), too_far, "{exp}");
        }
        assert_eq!(check(r#"{"exp":1}"#, WITHIN_AN_HOUR), "exp: token expired");
        assert_eq!(check("{}", TimeChecks { exp: false, ..WITHIN_AN_HOUR }), too_far);
    }
}
