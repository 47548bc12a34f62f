//! `jwt-auth`: the filter's core on the command line. It checks configurations, explains decisions and makes test tokens.

use std::process::ExitCode;

fn main() -> ExitCode {
    jwt_auth_cli::program::run()
}
