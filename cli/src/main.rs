//! `jwt-auth`: the filter's core on the command line. It checks configurations, explains decisions and makes test tokens.

#![cfg_attr(test, allow(clippy::arithmetic_side_effects, reason = "a test is meant to panic"))]

mod check;
mod cli;
mod configurations;
mod convert;
mod diagnostics;
mod document;
mod explain;
mod input;
mod json_schema;
mod keygen;
mod output;
mod position;

mod signing_key;
mod time;
mod token;

use std::process::ExitCode;

use clap::Parser;

use self::cli::{Cli, Command};

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Check(arguments) => check::run(&arguments),
        Command::Convert(arguments) => convert::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Token(arguments) => token::run(&arguments),
        Command::Keygen(arguments) => keygen::run(&arguments),
        Command::Schema => output::print(&json_schema::text()),
        Command::Completions { shell } => output::print(&cli::completions(shell)),
        Command::Man { command } => match cli::manual(command.as_deref()) {
            Some(page) => output::print(&page),
            None => output::fail("no such command; see `jwt-auth --help`"),
        },
    }
}
