//! What is acknowledged is never lost: the proofs of the file journal. `docs/reliability.md` says what each of
//! them has shown.

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
mod planted;
mod power;
mod replay;
mod shortage;
mod sim;
mod steps;
mod upgrade;
mod work;

/// A number from the environment, for longer runs than those of every day.
fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect("a number"))
}

/// What a test has measured: with `--no-capture`.
fn figures(figures: std::fmt::Arguments<'_>) {
    println!("{figures}");
}

/// Wait until it is so.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !is_so() {
        assert!(std::time::Instant::now() < deadline, "after half a minute still not: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}
