//! The other programs of this package, which some rows run: built the first time they are needed,
//! because `cargo run` builds only the one that it runs.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, ensure};

/// Where the program is.
pub fn path(name: &str) -> Result<PathBuf> {
    let ours = env::current_exe()?;
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let folder = ours.parent().context("this program is in a folder")?;
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--release", "--bin", name, "--manifest-path", manifest]);
    build.arg("--target-dir").arg(folder.parent().context("as cargo lays it out")?);
    ensure!(build.status()?.success(), "{name} does not build");
    let path = folder.join(name);
    ensure!(fs::exists(&path)?, "{} is not there", path.display());
    Ok(path)
}
