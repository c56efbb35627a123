//! Failed logins, by account and by address: who fails often waits longer and longer.

use std::net::IpAddr;
use std::time::Duration;

use mainspring::{Error, Key, Store, Timestamp};
use tokio::sync::Mutex;

use super::AuthError;

/// Failures that cost nothing: everybody mistypes.
const FREE: usize = 5;
/// The longest wait. That of an account is short, for anybody may bring it about; an address is one's own.
const LONGEST_OF_ACCOUNT: Duration = Duration::from_secs(60);
const LONGEST_OF_ADDRESS: Duration = Duration::from_secs(15 * 60);
/// After how long without a failure all is forgotten.
const FORGET: Duration = Duration::from_secs(30 * 60);
/// Names, and addresses, that are remembered. Those beyond are not held back: they are too many to be remembered,
/// and each is held back by the other of the two.
const REMEMBERED: usize = 100_000;

/// The failures, in stores of their own: a list of times each, which expires.
#[derive(Debug)]
pub(super) struct Attempts {
    accounts: Failures,
    addresses: Failures,
    /// One attempt begins at a time: many at once are many.
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

    /// Begin to try, unless it is too soon. It counts before it is known how it ends.
    pub(super) async fn begin(&self, name: &str, from: IpAddr) -> Result<Attempt<'_>, AuthError> {
        let (account, address) = (Key::from(name), address_key(from));
        let _alone = self.beginning.lock().await;
        self.addresses.is_time(&address)?;
        self.accounts.is_time(&account)?;
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

    fn is_time(&self, key: &Key) -> Result<(), AuthError> {
        let view = self.times.view();
        let (Ok(Some(count)), Ok(Some(last))) = (view.len(key), view.last(key)) else {
            return Ok(());
        };
        let wait = backoff(count, self.longest).saturating_sub(view.now().saturating_since(last));
        if wait.is_zero() { Ok(()) } else { Err(AuthError::TooManyAttempts { wait }) }
    }

    async fn count(&self, key: &Key) -> Result<(), AuthError> {
        match self.times.push(key, self.times.view().now()).ttl(FORGET).await {
            // So many cannot be told apart any more, and none of them shall keep the others out.
            Ok(_) | Err(Error::OverLimit { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// As if it had never been tried.
    async fn forget(&self, key: &Key) -> Result<(), AuthError> {
        forgiven(self.times.remove(key).await).map(drop)
    }

    /// As if the last time had not been tried.
    async fn take_back(&self, key: &Key) -> Result<(), AuthError> {
        match forgiven(self.times.pop(key).await)? {
            Some(popped) if popped.length == 0 => self.forget(key).await,
            _ => Ok(()),
        }
    }
}

impl Attempt<'_> {
    /// The account starts anew. The address gets back only this attempt: whoever has one account must not
    /// make good with it what was tried of others.
    pub(super) async fn succeeded(self) -> Result<(), AuthError> {
        let _alone = self.attempts.beginning.lock().await;
        self.attempts.accounts.forget(&self.account).await?;
        self.attempts.addresses.take_back(&self.address).await
    }
}

/// What is forgotten already need not be forgiven.
fn forgiven<R>(result: Result<R, Error>) -> Result<Option<R>, AuthError> {
    match result {
        Ok(done) => Ok(Some(done)),
        Err(Error::NotFound | Error::ListEmpty) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A second after the first that is not free, and twice as long after each other one.
fn backoff(failures: usize, longest: Duration) -> Duration {
    match failures.checked_sub(FREE) {
        None => Duration::ZERO,
        Some(over) => Duration::from_secs(1 << over.min(20)).min(longest),
    }
}

/// The network of an IPv6 address stands for it: whoever has one has 2 to the power of 64.
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
    async fn who_fails_often_waits_longer_and_longer() {
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
    async fn an_account_is_defended_against_many_addresses_and_an_address_for_many_accounts() {
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
    async fn many_at_once_are_many() {
        let attempts = Attempts::new();
        let all = (0..100).map(|_| attempts.begin("ada", HERE));
        let begun = futures_util::future::join_all(all).await;
        assert!(begun.iter().filter(|attempt| attempt.is_ok()).count() == FREE);
    }

    #[tokio::test(start_paused = true)]
    async fn what_succeeds_leaves_nothing_behind() {
        let attempts = Attempts::new();
        attempts.begin("ada", HERE).await.unwrap().succeeded().await.unwrap();
        assert!(attempts.accounts.times.keys("").await.unwrap().items.is_empty());
        assert!(attempts.addresses.times.keys("").await.unwrap().items.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn success_forgives_the_account_and_not_the_address() {
        let attempts = Attempts::new();
        for n in 0..FREE - 1 {
            assert_eq!(wait(&attempts, &format!("n{n}"), HERE).await, 0);
        }
        attempts.begin("mine", HERE).await.ok().unwrap().succeeded().await.unwrap();
        assert_eq!(wait(&attempts, "ada", HERE).await, 0);
        assert_eq!(wait(&attempts, "ada", HERE).await, 1);
    }

    #[test]
    fn neighbours_in_a_network_are_one() {
        let key = |text: &str| address_key(text.parse().unwrap());
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:10.0.0.1"), key("10.0.0.1"));
    }
}
