//! The files that are converted together, and what stands in each.

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
    slice,
};

use super::manifests::is_manifest;
use crate::{
    diagnostics::{Excerpts, SourceFile},
    document::{self, Dialect, Node, NodeContent, NodeMember},
    input::Input,
};

/// What the files hold.
#[derive(Default)]
pub(super) struct Sources {
    pub files: Vec<SourceFile>,
    /// The gateway's own configurations.
    pub trees: Vec<Node>,
    /// Objects of the Kubernetes API.
    pub manifests: Vec<Node>,
}

impl Sources {
    pub(super) fn read(paths: &[PathBuf]) -> Result<Self, String> {
        let mut sources = Self::default();
        for path in paths {
            let input = Input::new(path);
            sources.add(SourceFile { name: input.to_string(), text: input.read()? })?;
        }
        Ok(sources)
    }

    pub(super) fn add(&mut self, source: SourceFile) -> Result<(), String> {
        let number = self.files.len();
        let (manifests, others): (Vec<Node>, Vec<Node>) =
            documents(&source)?.into_iter().map(|document| document.in_file(number)).partition(is_manifest);
        if manifests.is_empty() {
            self.trees.push(tree(&source, others)?.in_file(number));
        } else if let Some(other) = others.iter().find(|document| !document.is_null()) {
            return Err(format!(
                "{}:{}: no manifest, but the document before is one; expected one form in a file",
                source.name, other.at
            ));
        }
        self.manifests.extend(manifests);
        self.files.push(source);
        Ok(())
    }
}

fn documents(source: &SourceFile) -> Result<Vec<Node>, String> {
    let documents = document::read(&source.text, Dialect::Go).map_err(|unreadable| {
        let excerpts = Excerpts::of(io::stderr().is_terminal(), &io::stderr());
        unreadable.text(slice::from_ref(source), excerpts)
    })?;
    match document::custom_tag(&source.text) {
        Some(at) => Err(format!(
            "{}:{at}: a tag that is not of YAML itself; expected the value that it stands for",
            source.name
        )),
        None => Ok(documents),
    }
}

/// The one configuration of a file that is no manifest.
fn tree(source: &SourceFile, documents: Vec<Node>) -> Result<Node, String> {
    let name = &source.name;
    let [document] = <[_; 1]>::try_from(documents)
        .map_err(|documents| format!("{name}: {} documents; expected one", documents.len()))?;
    // `GET /config` of the Admin API: a text, and in it the configuration.
    match document.members() {
        [NodeMember { name: member, value: Node { at, content: NodeContent::Text(config) }, .. }]
            if member == "config" =>
        {
            let documents = document::read(&config.text, Dialect::Go)
                .map_err(|unreadable| unreadable.line(slice::from_ref(source)))?;
            let [document] = <[_; 1]>::try_from(documents)
                .map_err(|documents| format!("{name}: {} documents in config; expected one", documents.len()))?;
            Ok(document.relocated(config.first, *at))
        }
        _ => Ok(document),
    }
}
