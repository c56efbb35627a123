//! The other programs of this package, which some rows run. They are built on first use, because `cargo run` builds
//! only the program that it runs.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, ensure};

/// The path of the program.
pub fn path(name: &str) -> Result<PathBuf> {
    let ours = env::current_exe()?;
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let directory = ours.parent().context("the path of this program has no parent")?;
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--release", "--bin", name, "--manifest-path", manifest]);
    build
        .arg("--target-dir")
        .arg(directory.parent().context("this program is not in a target directory of cargo")?);
    ensure!(build.status()?.success(), "cannot build {name}");
    let path = directory.join(name);
    ensure!(fs::exists(&path)?, "{} does not exist", path.display());
    Ok(path)
}
