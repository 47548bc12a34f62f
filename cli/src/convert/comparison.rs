//! A gateway file as it was and as it is converted: who may call what must be the same. A property test draws such files, and
//! so does a fuzzer.

mod draw;
mod envoy;
mod file;
mod model;

use std::collections::BTreeSet;

use self::{
    envoy::Envoy,
    model::{Fate, Request},
};
use super::{convert, envoy::EnvoySetup, report::Report, sources::Sources};
use crate::{diagnostics::SourceFile, hosts::FilterModule, yaml_output::Yaml};

/// Draws a gateway file from octets, and asks the gateway and Envoy about every caller on every route. Gives what became of
/// them, or where the two differ.
fn compare(octets: &[u8]) -> Result<BTreeSet<Fate>, String> {
    let file = draw::file(octets).map_err(|error| error.to_string())?;
    let (converted, report) = converted(file.texts())?;
    if !report.faults.is_empty() {
        return Err(format!("{:?}\n{}", report.faults, file.texts().join("\n---\n")));
    }
    let envoy = Envoy::of(&converted.to_json());
    let mut fates = BTreeSet::new();
    for request in Request::all() {
        let (expected, found) = (file.fate(&request), envoy.fate(&request));
        if found != expected {
            let texts = file.texts().join("\n---\n");
            return Err(format!("{request:?}: {found:?}, expected {expected:?}\n{texts}\n---\n{converted}"));
        }
        fates.insert(expected);
    }
    let is_told = report.notes.iter().any(|note| note.message.contains("503 until you decide"));
    if fates.contains(&Fate::Unavailable) && !is_told {
        return Err(format!("nobody is told of the 503: {:?}", report.notes));
    }
    Ok(fates)
}

fn converted(texts: Vec<String>) -> Result<(Yaml, Report), String> {
    let mut sources = Sources::default();
    for text in texts {
        sources.add(SourceFile { name: "drawn".to_owned(), text })?;
    }
    let address = "127.0.0.1:0".parse().unwrap();
    let setup =
        EnvoySetup { listen: address, admin: address, module: FilterModule::Native, ingress_class: "kong".to_owned() };
    let mut report = Report::default();
    let converted = convert(&sources, &setup, &mut report);
    Ok((converted, report))
}

/// What a fuzzer calls.
#[cfg(feature = "comparison")]
pub mod fuzzed {
    use super::{Envoy, compare, converted};

    /// Draws a gateway file from the octets, and compares who may call what.
    pub fn drawn(octets: &[u8]) {
        if let Err(difference) = compare(octets) {
            panic!("{difference}");
        }
    }

    /// Converts any text. What comes of it without a fault, Envoy and the filter must be able to read.
    pub fn written(text: &str) {
        let Ok((converted, report)) = converted(vec![text.to_owned()]) else { return };
        if report.faults.is_empty() {
            Envoy::of(&converted.to_json());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use proptest::{
        collection,
        prelude::*,
        test_runner::{TestRng, TestRunner},
    };

    use super::{file::CONSUMERS, *};

    fn octets() -> impl Strategy<Value = Vec<u8>> {
        collection::vec(any::<u8>(), 0..256)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn who_may_call_what_stays_the_same(octets in octets()) {
            compare(&octets).map_err(TestCaseError::fail)?;
        }
    }

    #[test]
    fn the_files_that_are_drawn_come_to_every_fate() {
        let seen = RefCell::new(BTreeSet::new());
        let config = ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() };
        let rng = TestRng::deterministic_rng(Default::default());
        let run = TestRunner::new_with_rng(config, rng).run(&octets(), |octets| {
            seen.borrow_mut().extend(compare(&octets).map_err(TestCaseError::fail)?);
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
}
