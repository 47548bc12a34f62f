//! Tells the command line which commit it was built from, and gives it the token page that JWT_AUTH_PAGE names. What is
//! compiled to Wasm is told neither, so that the same code gives the same module whatever the commit.

use std::{env, error::Error, fs, path::Path, process::Command};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "wasm32") {
        return Ok(());
    }
    // A commit changes the log of HEAD, and so does a checkout of another one.
    for file in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", file]).filter(|path| Path::new(path).exists()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    give_page()?;
    // As long in a clone without history as in one with all of it, or the bytes would differ.
    let commit = git(&["log", "-1", "--abbrev=12", "--format= (%h %cs)"]).unwrap_or_default();
    println!("cargo::rustc-env=JWT_AUTH_VERSION={}{commit}", env!("CARGO_PKG_VERSION"));
    Ok(())
}

/// Puts the page where the program includes it; nothing, if none is named.
fn give_page() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=JWT_AUTH_PAGE");
    let text = match env::var("JWT_AUTH_PAGE") {
        Ok(page) => {
            println!("cargo::rerun-if-changed={page}");
            fs::read_to_string(&page).map_err(|error| format!("JWT_AUTH_PAGE={page}: {error}"))?
        }
        Err(_) => String::new(),
    };
    Ok(fs::write(Path::new(&env::var("OUT_DIR")?).join("jwt-auth.html"), text)?)
}

/// What git says about this repository; `None` outside of one, as in an unpacked source archive.
fn git(arguments: &[&str]) -> Option<String> {
    // A source archive may lie inside somebody else's repository, which knows nothing of this file.
    let is_ours = Command::new("git").args(["ls-files", "--error-unmatch", "build.rs"]).output().ok()?.status.success();
    let output =
        Command::new("git").args(arguments).output().ok().filter(|output| is_ours && output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?.trim_end().to_owned();
    (!text.is_empty()).then_some(text)
}
