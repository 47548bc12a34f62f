//! Gateway files drawn at random are converted, and who may call what is compared with a model of the gateway.

mod draw;
mod envoy;
mod file;
mod model;

use std::{cell::RefCell, collections::BTreeSet};

use proptest::{
    prelude::*,
    test_runner::{TestRng, TestRunner},
};

use self::{
    envoy::Envoy,
    file::{CONSUMERS, File},
    model::{Fate, Request},
};
use super::{convert, envoy::EnvoySetup, report::Report, sources::Sources};
use crate::{diagnostics::SourceFile, hosts::FilterModule};

/// Asks the gateway and Envoy about every caller on every route; gives what became of them.
fn agree(file: &File) -> Result<BTreeSet<Fate>, TestCaseError> {
    let mut sources = Sources::default();
    for text in file.texts() {
        sources.add(SourceFile { name: "drawn".to_owned(), text }).unwrap();
    }
    let address = "127.0.0.1:0".parse().unwrap();
    let setup =
        EnvoySetup { listen: address, admin: address, module: FilterModule::Native, ingress_class: "kong".to_owned() };
    let mut report = Report::default();
    let converted = convert(&sources, &setup, &mut report);
    prop_assert!(report.faults.is_empty(), "{:?}", report.faults);

    let envoy = Envoy::of(&converted.to_json());
    let mut fates = BTreeSet::new();
    for request in Request::all() {
        let (expected, found) = (file.fate(&request), envoy.fate(&request));
        prop_assert_eq!(&found, &expected, "{:?}\n{}", request, converted);
        fates.insert(expected);
    }
    let is_told = report.notes.iter().any(|note| note.message.contains("503 until you decide"));
    prop_assert!(is_told || !fates.contains(&Fate::Unavailable), "{:?}", report.notes);
    Ok(fates)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn who_may_call_what_stays_the_same(file in draw::file()) {
        agree(&file)?;
    }
}

#[test]
fn the_files_that_are_drawn_come_to_every_fate() {
    let seen = RefCell::new(BTreeSet::new());
    let config = ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() };
    let rng = TestRng::deterministic_rng(Default::default());
    let run = TestRunner::new_with_rng(config, rng).run(&draw::file(), |file| {
        seen.borrow_mut().extend(agree(&file)?);
        Ok(())
    });
    run.unwrap();
    let passes = CONSUMERS.map(|name| Fate::Passes(Some(name.to_owned())));
    let others = [
        Fate::Passes(None),
        Fate::Refused,
        Fate::Unavailable,
        Fate::Preflight,
        Fate::Answered(410),
        Fate::Answered(404),
    ];
    for fate in passes.iter().chain(&others) {
        assert!(seen.borrow().contains(fate), "{fate:?}");
    }
}
