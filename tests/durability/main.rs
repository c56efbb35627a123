//! Proofs that the file journal never loses an acknowledged change. `docs/reliability.md` describes the result of
//! each.

mod chain;
mod corpus;
mod damage;
#[cfg(unix)]
mod descriptors;
mod faults;
#[cfg(target_os = "linux")]
mod full;
mod fuzzed;
#[cfg(unix)]
mod kill;
mod ledger;
mod lock;
#[cfg(unix)]
mod ownership;
mod planted_bugs;
mod power;
mod replay;
mod shortage;
mod sim;
mod steps;
mod upgrade;
mod work;

/// Reads a number from the environment, for longer runs than the default.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// Prints measurements of a test, which `--no-capture` shows.
fn figures(figures: std::fmt::Arguments<'_>) {
    println!("{figures}");
}

/// Waits until a condition holds.
async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !condition() {
        assert!(std::time::Instant::now() < deadline, "timeout after 30 s: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}
