//! What `explain` says, what the core decides and what a model of the contract expects are held together, for random
//! configurations, key sets and tokens.

mod case;
mod draw;
mod keys;
mod model;

use std::{cell::RefCell, collections::BTreeSet};

use jwt_auth_filter::{
    authenticate::{Check, Outcome, Reason},
    config::Config,
    reply::Reply,
};
use proptest::{
    prelude::*,
    test_runner::{TestRng, TestRunner},
};

use self::{
    case::{Case, NOW},
    model::Expected,
};
use super::{Verdict, explanation, reasons, view};
use crate::configurations;

/// Holds the three together for one case; gives what was expected of it.
fn agree(case: &Case) -> Result<Expected, TestCaseError> {
    let text = case.configuration().to_string();
    let found = configurations::find(&text, true).unwrap().configurations;
    let config = Config::of(found[0].root.to_value()).unwrap();
    case.fill(&config);
    let authenticator = super::authenticator(config);
    let (request, expected) = (case.request(), case.expected());

    let decision = authenticator.decide(&request, NOW);
    let failure = decision.outcome.failure();
    prop_assert_eq!(decision.outcome.name(), expected.name());
    prop_assert_eq!(failure.map(Reason::name), expected.failure().map(|failure| failure.reason));
    prop_assert_eq!(failure.map(Reason::check), expected.failure().map(|failure| failure.check));

    let in_words = failure.and_then(|failure| reasons::find(failure.name())?.check);
    // The name is that of two checks, of which the second is about the signature's form.
    prop_assert_eq!(
        in_words,
        failure.map(Reason::check).map(|it| if it == Check::SignatureForm { Check::Form } else { it })
    );

    let explanation = explanation("F:1".to_owned(), &found[0], authenticator.on_route(None), request, NOW).unwrap();
    match (&explanation.verdict, &decision.outcome) {
        (Verdict::Refused(reply), Outcome::Denied(denial)) => {
            prop_assert_eq!(reply, &Reply::denied(&denial.reason, decision.policy));
        }
        (Verdict::Passes { .. }, outcome) => prop_assert!(!matches!(outcome, Outcome::Denied(_))),
        (Verdict::Refused(_) | Verdict::Published(_), outcome) => {
            return Err(TestCaseError::fail(format!("refused: {outcome:?}")));
        }
    }
    let shown = view::json(&explanation);
    let mut checks = Vec::new();
    for check in shown["checks"].as_array().unwrap() {
        checks.push((check["check"].as_str().unwrap(), check["passed"].as_bool().unwrap()));
        // A look-up that finds nothing leaves a gap.
        let detail = check["detail"].as_str().unwrap();
        prop_assert!(!detail.is_empty() && detail.trim() == detail && !detail.contains("  "), "{:?}", detail);
    }
    prop_assert_eq!(checks, expected.shown_checks(case));
    Ok(expected)
}

proptest! {
    #[test]
    fn what_is_explained_is_what_the_core_decides(case in draw::case()) {
        agree(&case)?;
    }
}

#[test]
fn the_random_cases_come_to_every_outcome_and_every_reason() {
    let seen = RefCell::new(BTreeSet::new());
    let config = ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() };
    let rng = TestRng::deterministic_rng(Default::default());
    let run = TestRunner::new_with_rng(config, rng).run(&draw::case(), |case| {
        let expected = agree(&case)?;
        seen.borrow_mut().extend(expected.failure().map(|failure| failure.reason.to_owned()));
        let name = expected.name();
        seen.borrow_mut().insert(name.strip_prefix("denied.").unwrap_or(&name).to_owned());
        Ok(())
    });
    run.unwrap();
    let seen = seen.into_inner();
    let outcomes = ["authenticated", "anonymous", "optional", "preflight", "disabled"];
    // One request alone does not come to these, and `explain` remembers no other.
    let of_several = ["replayed_dpop_proof", "dpop_memory_full"];
    let all = outcomes.into_iter().chain(Reason::NAMES).filter(|name| !of_several.contains(name));
    let missing: Vec<&str> = all.filter(|name| !seen.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
