//! The program `jwt-auth`.

use std::process::ExitCode;

use clap::Parser;

use crate::{
    check,
    cli::{self, Cli, Command},
    convert, explain, json_schema, keygen, manage, output, token,
};

/// The token page, or nothing; build.rs puts it there.
const PAGE: &str = include_str!(concat!(env!("OUT_DIR"), "/jwt-auth.html"));

/// Does what the command line asks for.
pub fn run() -> ExitCode {
    match Cli::parse().command {
        Command::Check(arguments) => check::command::run(&arguments),
        Command::Convert(arguments) => convert::run(&arguments),
        Command::Explain(arguments) => explain::command::run(&arguments),
        Command::Consumer(command) => manage::run_consumer(&command),
        Command::Credential(command) => manage::run_credential(&command),
        Command::Token(arguments) => token::command::run(&arguments),
        Command::Keygen(arguments) => keygen::command::run(&arguments),
        Command::Schema => output::print(&json_schema::text()),
        Command::Page => match PAGE {
            "" => output::fail("this program was built without the page; `make install` and `make page` make it"),
            page => output::print(page),
        },
        Command::Completions { shell } => output::print(&cli::completions(shell)),
        Command::Man { command } => match cli::manual(command.as_deref()) {
            Some(page) => output::print(&page),
            None => output::fail("no such command; see `jwt-auth --help`"),
        },
    }
}
