//! Passwords: hashed with Argon2id, few at a time.

use std::sync::Arc;
use std::thread;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::AuthError;
use super::fingerprint::random;
use super::secret::Secret;

/// What OWASP recommends: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Those that wait for their turn. Whoever comes then is told to come back.
const WAITING: usize = 64;
/// In bytes: short ones are guessed, and long ones are no work to refuse.
const LENGTH: std::ops::RangeInclusive<usize> = 8..=1_024;

type Work = Box<dyn FnOnce() + Send>;

/// Hashes and compares. Memory is bounded by how many it does at once.
#[derive(Debug)]
pub(super) struct Passwords {
    argon2: Argon2<'static>,
    /// To threads of its own: those of the runtime come and go, and each keeps the memory that it has used.
    work: mpsc::Sender<Work>,
    /// The hash of a password that nobody has: compared with if there is no such account, for the same time.
    nobody: Secret,
}

impl Passwords {
    /// Blocks for some 20 ms.
    pub(super) fn new() -> Result<Self, AuthError> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| FAILED)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody = hash(&argon2, &random::<32>()?.into())?;
        let (work, queue) = mpsc::channel::<Work>(WAITING);
        let queue = Arc::new(Mutex::new(queue));
        // Half of the processors: the other half is for everybody else.
        let threads = thread::available_parallelism().map_or(1, |all| all.get().div_ceil(2));
        for _ in 0..threads {
            let queue = Arc::clone(&queue);
            let next = move || queue.lock().blocking_recv();
            let serve = move || std::iter::from_fn(&next).for_each(|work| work());
            thread::Builder::new().name("passwords".to_owned()).spawn(serve).map_err(|_| FAILED)?;
        }
        Ok(Self { argon2, work, nobody })
    }

    /// A place among those that wait.
    ///
    /// # Errors
    ///
    /// [`AuthError::Busy`] if there is none.
    pub(super) fn place(&self) -> Result<Place<'_>, AuthError> {
        let permit = self.work.try_reserve().map_err(|_| AuthError::Busy)?;
        Ok(Place { passwords: self, permit })
    }

    pub(super) async fn hash(&self, password: Secret) -> Result<Secret, AuthError> {
        if !LENGTH.contains(&password.expose().len()) {
            return Err(AuthError::Invalid("a password has 8 to 1024 bytes"));
        }
        let argon2 = self.argon2.clone();
        self.place()?.in_turn(move || hash(&argon2, &password)).await?
    }

    /// Let every thread wait, until what is answered is dropped.
    #[cfg(test)]
    fn held(&self) -> std::sync::mpsc::Sender<()> {
        let (hold, held) = std::sync::mpsc::channel();
        let held = Arc::new(Mutex::new(held));
        let threads = thread::available_parallelism().map_or(1, |all| all.get().div_ceil(2));
        for _ in 0..threads {
            let held = Arc::clone(&held);
            self.work
                .try_send(Box::new(move || {
                    let _ = held.lock().recv();
                }))
                .unwrap();
        }
        while self.work.capacity() < WAITING {
            thread::yield_now();
        }
        hold
    }
}

/// The right to have one password looked at.
#[derive(Debug)]
pub(super) struct Place<'a> {
    passwords: &'a Passwords,
    permit: mpsc::Permit<'a, Work>,
}

impl Place<'_> {
    /// Whether it is the password. Takes the same time if there is nothing to compare with.
    pub(super) async fn verify(
        self,
        password: Secret,
        with: Option<&Secret>,
    ) -> Result<bool, AuthError> {
        // A longer one is nobody's, and is not looked at for longer.
        let fits = password.expose().len() <= *LENGTH.end();
        let password = if fits { password } else { Secret::from("") };
        let known = with.is_some() && fits;
        let with = with.unwrap_or(&self.passwords.nobody).clone();
        let argon2 = self.passwords.argon2.clone();
        let is_right = move || {
            let Ok(hash) = PasswordHash::new(with.expose()) else { return false };
            argon2.verify_password(password.expose().as_bytes(), &hash).is_ok()
        };
        Ok(self.in_turn(is_right).await? && known)
    }

    async fn in_turn<R: Send + 'static>(
        self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, AuthError> {
        let (reply, done) = oneshot::channel();
        // Whoever does not wait any more need not be answered.
        self.permit.send(Box::new(move || drop(reply.send(work()))));
        done.await.map_err(|_| FAILED)
    }
}

const FAILED: AuthError = AuthError::Invalid("the password cannot be hashed");

fn hash(argon2: &Argon2<'_>, password: &Secret) -> Result<Secret, AuthError> {
    let hash = argon2.hash_password(password.expose().as_bytes()).map_err(|_| FAILED)?;
    Ok(Secret::from(hash.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again() {
        let passwords = Passwords::new().unwrap();
        let hash = passwords.hash("wheels within wheels".into()).await.unwrap();
        assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.expose());
        let verify =
            async |password: &str, with| passwords.place()?.verify(password.into(), with).await;
        assert_eq!(verify("wheels within wheels", Some(&hash)).await, Ok(true));
        assert_eq!(verify("wheels within wheel", Some(&hash)).await, Ok(false));
        assert_eq!(verify("wheels within wheels", None).await, Ok(false));
        assert_eq!(verify("anything", Some(&"no hash".into())).await, Ok(false));
    }

    #[tokio::test]
    async fn lengths() {
        let passwords = Passwords::new().unwrap();
        for length in [0, 7, 1_025] {
            let refused = passwords.hash("x".repeat(length).into()).await;
            assert!(matches!(refused, Err(AuthError::Invalid(_))), "{length}");
        }
    }

    #[tokio::test]
    async fn only_so_many_wait() {
        let passwords = Passwords::new().unwrap();
        let threads = passwords.held();
        let all = (0..WAITING + 5).map(async |_| passwords.place()?.verify("x".into(), None).await);
        let (results, ()) =
            tokio::join!(futures_util::future::join_all(all), async { drop(threads) });
        let busy = results.iter().filter(|result| **result == Err(AuthError::Busy)).count();
        assert_eq!(busy, 5);
    }
}
