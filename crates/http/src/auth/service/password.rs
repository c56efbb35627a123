//! Passwords: hashed with Argon2id, with bounded concurrency.

use std::sync::Arc;
use std::thread;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::AuthError;
use super::fingerprint::random_text;
use super::secret::Secret;

/// The recommendation of OWASP: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// The maximum number of passwords in the queue. Further ones are rejected with `Busy`.
const WAITING: usize = 64;
/// In bytes. Short passwords can be guessed; long ones cost processor time.
const LENGTH: std::ops::RangeInclusive<usize> = 8..=1_024;

type Work = Box<dyn FnOnce() + Send>;

/// Hashes and verifies passwords. The number of threads bounds the memory.
#[derive(Debug)]
pub(super) struct Passwords {
    argon2: Argon2<'static>,
    /// The queue of the hashing threads. Threads of the runtime are not used, because they start and stop, and each would
    /// keep the memory that it used.
    work: mpsc::Sender<Work>,
    /// The hash of a random password. It is verified if the account does not exist, so that this takes the same time.
    dummy: Secret,
}

impl Passwords {
    /// Blocks for about 20 ms.
    pub(super) fn new() -> Result<Self, AuthError> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| FAILED)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let dummy = hash(&argon2, &random_text::<32>()?.into())?;
        let (work, queue) = mpsc::channel::<Work>(WAITING);
        let queue = Arc::new(Mutex::new(queue));
        // Half of the processors; the other half is for all other work.
        let threads = thread::available_parallelism().map_or(1, |all| all.get().div_ceil(2));
        for _ in 0..threads {
            let queue = Arc::clone(&queue);
            let next = move || queue.lock().blocking_recv();
            let run = move || std::iter::from_fn(&next).for_each(|work| work());
            thread::Builder::new().name("passwords".to_owned()).spawn(run).map_err(|_| FAILED)?;
        }
        Ok(Self { argon2, work, dummy })
    }

    /// Reserves a slot in the queue.
    ///
    /// # Errors
    ///
    /// [`AuthError::Busy`] if the queue is full.
    pub(super) fn reserve(&self) -> Result<Slot<'_>, AuthError> {
        let permit = self.work.try_reserve().map_err(|_| AuthError::Busy)?;
        Ok(Slot { passwords: self, permit })
    }

    pub(super) async fn hash(&self, password: Secret) -> Result<Secret, AuthError> {
        if !LENGTH.contains(&password.expose().len()) {
            return Err(AuthError::Invalid("invalid password; expected 8 to 1024 bytes"));
        }
        let argon2 = self.argon2.clone();
        self.reserve()?.run(move || hash(&argon2, &password)).await?
    }

    /// Blocks every thread until the returned sender is dropped.
    #[cfg(test)]
    fn block_threads(&self) -> std::sync::mpsc::Sender<()> {
        let (blocker, blocked) = std::sync::mpsc::channel();
        let blocked = Arc::new(Mutex::new(blocked));
        let threads = thread::available_parallelism().map_or(1, |all| all.get().div_ceil(2));
        for _ in 0..threads {
            let blocked = Arc::clone(&blocked);
            self.work
                .try_send(Box::new(move || {
                    let _ = blocked.lock().recv();
                }))
                .unwrap();
        }
        while self.work.capacity() < WAITING {
            thread::yield_now();
        }
        blocker
    }
}

/// A slot in the queue, for one password.
#[derive(Debug)]
pub(super) struct Slot<'a> {
    passwords: &'a Passwords,
    permit: mpsc::Permit<'a, Work>,
}

impl Slot<'_> {
    /// Whether the password matches the hash. Takes the same time without a hash.
    pub(super) async fn verify(
        self,
        password: Secret,
        hash: Option<&Secret>,
    ) -> Result<bool, AuthError> {
        // Longer passwords do not exist, and must not cost more time.
        let fits = password.expose().len() <= *LENGTH.end();
        let password = if fits { password } else { Secret::from("") };
        let can_match = hash.is_some() && fits;
        let hash = hash.unwrap_or(&self.passwords.dummy).clone();
        let argon2 = self.passwords.argon2.clone();
        let matches = move || {
            let Ok(hash) = PasswordHash::new(hash.expose()) else { return false };
            argon2.verify_password(password.expose().as_bytes(), &hash).is_ok()
        };
        Ok(self.run(matches).await? && can_match)
    }

    async fn run<R: Send + 'static>(
        self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, AuthError> {
        let (reply, done) = oneshot::channel();
        // The caller may have stopped waiting.
        self.permit.send(Box::new(move || drop(reply.send(work()))));
        done.await.map_err(|_| FAILED)
    }
}

const FAILED: AuthError = AuthError::Invalid("cannot hash the password");

fn hash(argon2: &Argon2<'_>, password: &Secret) -> Result<Secret, AuthError> {
    let hash = argon2.hash_password(password.expose().as_bytes()).map_err(|_| FAILED)?;
    Ok(Secret::from(hash.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn password_matches_only_its_hash() {
        let passwords = Passwords::new().unwrap();
        let hash = passwords.hash("wheels within wheels".into()).await.unwrap();
        assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.expose());
        let verify =
            async |password: &str, hash| passwords.reserve()?.verify(password.into(), hash).await;
        assert_eq!(verify("wheels within wheels", Some(&hash)).await, Ok(true));
        assert_eq!(verify("wheels within wheel", Some(&hash)).await, Ok(false));
        assert_eq!(verify("wheels within wheels", None).await, Ok(false));
        assert_eq!(verify("anything", Some(&"no hash".into())).await, Ok(false));
    }

    #[tokio::test]
    async fn too_short_and_too_long_passwords_are_rejected() {
        let passwords = Passwords::new().unwrap();
        for length in [0, 7, 1_025] {
            let rejected = passwords.hash("x".repeat(length).into()).await;
            assert!(matches!(rejected, Err(AuthError::Invalid(_))), "{length}");
        }
    }

    #[tokio::test]
    async fn full_queue_rejects_passwords() {
        let passwords = Passwords::new().unwrap();
        let blocker = passwords.block_threads();
        let all =
            (0..WAITING + 5).map(async |_| passwords.reserve()?.verify("x".into(), None).await);
        let (results, ()) =
            tokio::join!(futures_util::future::join_all(all), async { drop(blocker) });
        let busy = results.iter().filter(|result| **result == Err(AuthError::Busy)).count();
        assert_eq!(busy, 5);
    }
}
