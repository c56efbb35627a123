//! Failed logins by account and by address, with exponential backoff.

use std::net::IpAddr;
use std::time::Duration;

use mainspring::{Error, Key, Store, Timestamp};
use tokio::sync::Mutex;

use super::AuthError;

/// The number of failures without a delay, for typing errors.
const FREE: usize = 5;
/// The longest wait. That of an account is short, because anyone can cause it; an address is under the control of one
/// party.
const LONGEST_OF_ACCOUNT: Duration = Duration::from_secs(60);
const LONGEST_OF_ADDRESS: Duration = Duration::from_secs(15 * 60);
/// The time without a failure after which the failures are forgotten.
const FORGET: Duration = Duration::from_secs(30 * 60);
/// The maximum number of names, and of addresses, with failures. Further ones are not delayed themselves; an attempt is
/// still delayed if the other of the two, name or address, is among those that are kept.
const REMEMBERED: usize = 100_000;

/// Failed attempts, in two stores: for each name and each address a list of times, which expires.
#[derive(Debug)]
pub(super) struct Attempts {
    accounts: Failures,
    addresses: Failures,
    /// Serializes the beginning of attempts, so that concurrent attempts count like consecutive ones.
    beginning: Mutex<()>,
}

#[derive(Debug)]
struct Failures {
    times: Store<Timestamp>,
    longest: Duration,
}

/// An attempt that counts as failed until it has [succeeded](Attempt::succeeded).
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    attempts: &'a Attempts,
    account: Key,
    address: Key,
}

impl Attempts {
    pub(super) fn new() -> Self {
        let accounts = Failures::new(LONGEST_OF_ACCOUNT);
        let addresses = Failures::new(LONGEST_OF_ADDRESS);
        Self { accounts, addresses, beginning: Mutex::new(()) }
    }

    /// Begins an attempt, unless it is too early. It counts as failed before its result is known.
    pub(super) async fn begin(&self, name: &str, from: IpAddr) -> Result<Attempt<'_>, AuthError> {
        let (account, address) = (Key::from(name), address_key(from));
        let _guard = self.beginning.lock().await;
        self.addresses.check_wait(&address)?;
        self.accounts.check_wait(&account)?;
        self.addresses.count(&address).await?;
        self.accounts.count(&account).await?;
        Ok(Attempt { attempts: self, account, address })
    }
}

#[cfg(test)]
impl Attempts {
    pub(super) async fn forget(&self, name: &str) -> Result<(), AuthError> {
        self.accounts.forget(&name.into()).await
    }
}

impl Failures {
    fn new(longest: Duration) -> Self {
        let times = Store::builder().max_entries(REMEMBERED).history_changes(0).spawn();
        Self { times, longest }
    }

    fn check_wait(&self, key: &Key) -> Result<(), AuthError> {
        let view = self.times.view();
        let (Ok(Some(count)), Ok(Some(last))) = (view.len(key), view.last(key)) else {
            return Ok(());
        };
        let wait = backoff(count, self.longest).saturating_sub(view.now().saturating_since(last));
        if wait.is_zero() { Ok(()) } else { Err(AuthError::TooManyAttempts { wait }) }
    }

    async fn count(&self, key: &Key) -> Result<(), AuthError> {
        match self.times.push(key, self.times.view().now()).ttl(FORGET).await {
            // The limit of keys is reached. An attack with many names must not lock out the other users.
            Ok(_) | Err(Error::OverLimit { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes all failures.
    async fn forget(&self, key: &Key) -> Result<(), AuthError> {
        ignore_absent(self.times.remove(key).await).map(drop)
    }

    /// Removes the last failure.
    async fn remove_last(&self, key: &Key) -> Result<(), AuthError> {
        match ignore_absent(self.times.pop(key).await)? {
            Some(popped) if popped.length == 0 => self.forget(key).await,
            _ => Ok(()),
        }
    }
}

impl Attempt<'_> {
    /// Removes all failures of the account, but only this attempt of the address: the owner of one account must not be
    /// able to reset the failures of attempts on other accounts.
    pub(super) async fn succeeded(self) -> Result<(), AuthError> {
        let _guard = self.attempts.beginning.lock().await;
        self.attempts.accounts.forget(&self.account).await?;
        self.attempts.addresses.remove_last(&self.address).await
    }
}

/// Ignores the error that the failures have already expired.
fn ignore_absent<R>(result: Result<R, Error>) -> Result<Option<R>, AuthError> {
    match result {
        Ok(done) => Ok(Some(done)),
        Err(Error::NotFound | Error::ListEmpty) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// One second after the first failure that is not free, doubled with each further failure.
fn backoff(failures: usize, longest: Duration) -> Duration {
    match failures.checked_sub(FREE) {
        None => Duration::ZERO,
        Some(over) => Duration::from_secs(1 << over.min(20)).min(longest),
    }
}

/// An IPv6 address counts as its /64 network, because one user usually controls 2^64 addresses.
fn address_key(from: IpAddr) -> Key {
    match from.to_canonical() {
        IpAddr::V4(address) => address.to_string().into(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}").into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn there(n: u8) -> IpAddr {
        [10, 0, 0, n].into()
    }

    async fn wait(attempts: &Attempts, name: &str, from: IpAddr) -> u64 {
        match attempts.begin(name, from).await {
            Ok(_) => 0,
            Err(AuthError::TooManyAttempts { wait }) => wait.as_secs_f64().ceil() as u64,
            Err(error) => panic!("{error}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn wait_doubles_with_each_failure() {
        let attempts = Attempts::new();
        for _ in 0..FREE {
            assert_eq!(wait(&attempts, "ada", HERE).await, 0);
        }
        for expected in [1, 2, 4, 8] {
            assert_eq!(wait(&attempts, "ada", HERE).await, expected);
            tokio::time::advance(Duration::from_secs(expected)).await;
            assert_eq!(wait(&attempts, "ada", HERE).await, 0);
        }
        tokio::time::advance(FORGET).await;
        assert_eq!(wait(&attempts, "ada", HERE).await, 0);
        assert_eq!(wait(&attempts, "ada", HERE).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_are_limited_by_account_and_by_address() {
        let attempts = Attempts::new();
        for n in 0..FREE as u8 {
            assert_eq!(wait(&attempts, "ada", there(n)).await, 0);
        }
        assert_eq!(wait(&attempts, "ada", there(99)).await, 1);
        for n in 0..FREE {
            assert_eq!(wait(&attempts, &format!("n{n}"), HERE).await, 0);
        }
        assert_eq!(wait(&attempts, "grace", HERE).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn concurrent_attempts_are_all_counted() {
        let attempts = Attempts::new();
        let all = (0..100).map(|_| attempts.begin("ada", HERE));
        let begun = futures_util::future::join_all(all).await;
        assert!(begun.iter().filter(|attempt| attempt.is_ok()).count() == FREE);
    }

    #[tokio::test(start_paused = true)]
    async fn successful_attempt_leaves_no_failures() {
        let attempts = Attempts::new();
        attempts.begin("ada", HERE).await.unwrap().succeeded().await.unwrap();
        assert!(attempts.accounts.times.keys("").await.unwrap().items.is_empty());
        assert!(attempts.addresses.times.keys("").await.unwrap().items.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn success_resets_the_account_but_not_the_address() {
        let attempts = Attempts::new();
        for n in 0..FREE - 1 {
            assert_eq!(wait(&attempts, &format!("n{n}"), HERE).await, 0);
        }
        attempts.begin("mine", HERE).await.ok().unwrap().succeeded().await.unwrap();
        assert_eq!(wait(&attempts, "ada", HERE).await, 0);
        assert_eq!(wait(&attempts, "ada", HERE).await, 1);
    }

    #[test]
    fn ipv6_addresses_of_one_network_share_a_key() {
        let key = |text: &str| address_key(text.parse().unwrap());
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:10.0.0.1"), key("10.0.0.1"));
    }
}
