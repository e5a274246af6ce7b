//! What the tests need beyond Rust.

use std::process::Command;

use crate::Outcome;
use crate::command::{execute, exists, output};

/// A program and the Debian package that has it.
const PROGRAMS: [(&str, &str); 7] = [
    ("chromium", "chromium"),
    ("firefox-esr", "firefox-esr"),
    ("java", "default-jdk-headless"),
    ("mvn", "maven"),
    ("npm", "npm"),
    ("qemu-system-arm", "qemu-system-arm"),
    ("valgrind", "valgrind"),
];

/// The same in words.
const WHAT: &str =
    "Chromium, Firefox, Java 17 or newer, Maven, npm with Node, QEMU for Arm, and Valgrind";

/// Installs what is missing where that is possible, and otherwise says what to install.
pub(crate) fn install() -> Outcome {
    let missing: Vec<&str> = PROGRAMS
        .iter()
        .filter(|(program, _)| !exists(program))
        .map(|&(_, package)| package)
        .collect();
    if !missing.is_empty() {
        apt_install(&missing, WHAT)?;
    }
    println!("browsers, Java, Maven, npm, QEMU and Valgrind are there");
    Ok(())
}

/// Installs Debian packages if this is root on a Debian; else the error says what to install.
pub(crate) fn apt_install(packages: &[&str], what: &str) -> Outcome {
    let line = packages.join(" ");
    if !exists("apt-get") || output(Command::new("id").arg("-u")).as_deref() != Ok("0") {
        return Err(format!("install {what} (on Debian: sudo apt-get install {line})"));
    }
    execute(Command::new("apt-get").args(["update", "--quiet=2"]))?;
    let mut install = Command::new("apt-get");
    install.args(["install", "--yes", "--quiet=2", "--no-install-recommends"]).args(packages);
    execute(install.env("DEBIAN_FRONTEND", "noninteractive"))
}
