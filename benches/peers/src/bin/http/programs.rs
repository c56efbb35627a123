//! Programs that are built on first use.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};

const MANIFEST: &str = env!("CARGO_MANIFEST_DIR");

/// `mainspring`, built with the profile of this workspace.
pub(crate) fn mainspring() -> Result<String> {
    static BUILT: OnceLock<String> = OnceLock::new();
    once(&BUILT, || {
        let directory = format!("{MANIFEST}/target/program");
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build.args(["build", "--quiet", "--locked", "--release", "--package", "mainspring-cli"]);
        build.args(["--bin", "mainspring", "--target-dir", &directory]);
        build.arg("--manifest-path").arg(format!("{MANIFEST}/../../Cargo.toml"));
        build.envs([
            ("CARGO_PROFILE_RELEASE_LTO", "thin"),
            ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
        ]);
        run(build)?;
        Ok(format!("{directory}/release/mainspring"))
    })
}

static BESIDE: OnceLock<String> = OnceLock::new();

/// Adds this build of `mainspring` to the measured servers.
pub(crate) fn set_other_build(program: String) {
    let _ = BESIDE.set(program);
}

pub(crate) fn beside() -> Option<&'static str> {
    BESIDE.get().map(String::as_str)
}

/// Builds the locked map in Go. Returns the path of the program.
pub(crate) fn locked_map_in_go() -> Result<String> {
    static BUILT: OnceLock<String> = OnceLock::new();
    once(&BUILT, || {
        let program = format!("{MANIFEST}/target/map-in-go");
        let mut build = Command::new("go");
        build
            .args(["build", "-o", &program, "."])
            .current_dir(format!("{MANIFEST}/src/bin/http/map"));
        // The Go program has no dependencies, so the build needs no module proxy.
        build.envs([("GOPROXY", "off"), ("GOFLAGS", "")]);
        build.env("GOCACHE", format!("{MANIFEST}/target/go"));
        run(build)?;
        Ok(program)
    })
}

fn once(built: &OnceLock<String>, build: impl FnOnce() -> Result<String>) -> Result<String> {
    if let Some(program) = built.get() {
        return Ok(program.clone());
    }
    let program = build()?;
    ensure!(Path::new(&program).exists(), "{program} does not exist");
    Ok(built.get_or_init(|| program).clone())
}

fn run(mut build: Command) -> Result<()> {
    let status = build.status().with_context(|| format!("{build:?}"))?;
    ensure!(status.success(), "{build:?} failed");
    Ok(())
}
