//! When an old key can go: when no token that it signed is valid any more.

use jwt_auth_filter::{config::Config, policy::Policy};

use crate::time;

/// The longest that a token may be in use, in seconds, by what every policy of a configuration says; `None` if one of them
/// does not say.
///
/// A token is no longer taken when it is older than `max_token_age`. One that is taken now ends within `maximum_expiration`.
pub(super) fn longest_use(config: &Config) -> Option<u64> {
    let of_policy = |policy: &Policy| {
        let checks = policy.time_checks;
        let bound = [checks.maximum_age, checks.maximum_expiration].into_iter().flatten().min()?;
        Some(u64::from(bound).saturating_add(checks.clock_skew.into()))
    };
    config.policies().filter(|policy| !policy.disabled).map(of_policy).collect::<Option<Vec<_>>>()?.into_iter().max()
}

/// When the old key can go, if tokens are signed with the new one from now on, in words.
pub(super) fn told(seconds: Option<u64>, now: u64) -> String {
    let Some(seconds) = seconds else {
        return "when the old one can go depends on how long tokens live, which the configuration does not bound \
                (max_token_age, maximum_expiration); --max-token-life says it"
            .to_owned();
    };
    let date = time::date(now.saturating_add(seconds) as f64).unwrap_or_default();
    format!(
        "the old one can go {seconds} seconds after the last token was signed with it: at {date}, if the new key signs from now on"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_use_is_that_of_the_policy_with_the_longest_which_must_be_known() {
        let longest = |config: &str| longest_use(&Config::parse(config.as_bytes()).unwrap());
        assert_eq!(longest("{}"), None);
        assert_eq!(longest(r#"{"max_token_age": 60, "clock_skew_seconds": 5}"#), Some(65));
        assert_eq!(
            longest(r#"{"claims_to_verify": ["exp"], "maximum_expiration": 90, "max_token_age": 600}"#),
            Some(90)
        );
        let rules = |rule: &str| format!(r#"{{"max_token_age": 60, "rules": [{{"routes": ["a"], {rule}}}]}}"#);
        assert_eq!(longest(&rules(r#""max_token_age": 600"#)), Some(600));
        assert_eq!(longest(&rules(r#""max_token_age": 0"#)), None);
    }
}
