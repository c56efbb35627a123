//! Signing keys: the one that signs, and the one before it, whose tokens are still good.

use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use jsonwebtoken::{DecodingKey, EncodingKey};
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::AuthError;
use super::secret::Secret;

/// The keys that access tokens are signed with (Ed25519): the newest signs, and what the one before it has signed
/// is good until it expires.
///
/// In a file they are a JSON Web Key Set ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517),
/// [RFC 8037](https://www.rfc-editor.org/rfc/rfc8037)), the newest first, that only its owner may read.
///
/// # Examples
///
/// ```
/// use mainspring_http::auth::Keys;
///
/// let keys = Keys::in_memory()?; // every token ends with the process
/// let first = keys.newest();
/// let second = keys.rotate()?;
/// assert_eq!(keys.ids(), [second, first]);
/// # Ok::<(), mainspring_http::auth::AuthError>(())
/// ```
pub struct Keys {
    file: Option<PathBuf>,
    live: RwLock<Vec<Arc<Key>>>,
    rotating: Mutex<()>,
    /// Of the set of keys: what was found out with an older one has to be found out again.
    generation: AtomicU64,
}

/// How many are live.
const LIVE: usize = 2;

pub(super) struct Key {
    pub(super) id: String,
    seed: Secret,
    pub(super) signs: EncodingKey,
    pub(super) verifies: DecodingKey,
}

/// A key set as a file has it.
#[derive(Serialize, Deserialize)]
struct KeySet {
    keys: Vec<Jwk>,
}

#[derive(Serialize, Deserialize)]
struct Jwk {
    kty: String,
    crv: String,
    kid: String,
    x: String,
    d: Secret,
}

impl Keys {
    /// A new key that ends with the process.
    ///
    /// # Errors
    ///
    /// [`AuthError::NoRandomness`].
    pub fn in_memory() -> Result<Self, AuthError> {
        Ok(Self::of(None, vec![Arc::new(Key::random()?)]))
    }

    /// The keys in this file, which is made with a new key if it is not there.
    ///
    /// # Errors
    ///
    /// [`AuthError::Keys`] if it cannot be read or written, is no set of Ed25519 keys, or others than its owner
    /// may read it.
    pub fn open(file: impl Into<PathBuf>) -> Result<Self, AuthError> {
        let file = file.into();
        let live = match std::fs::read(&file) {
            Ok(text) => read(&file, &text)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let live = vec![Arc::new(Key::random()?)];
                write(&file, &live)?;
                live
            }
            Err(error) => return Err(failed("read", &file, error)),
        };
        Ok(Self::of(Some(file), live))
    }

    fn of(file: Option<PathBuf>, live: Vec<Arc<Key>>) -> Self {
        let (live, rotating) = (RwLock::new(live), Mutex::new(()));
        Self { file, live, rotating, generation: AtomicU64::new(0) }
    }

    /// Sign with a new key from now on, and forget the older of two: its tokens are refused from now on. Answers the
    /// id of the new one. Blocks while the file is written.
    ///
    /// # Errors
    ///
    /// [`AuthError::Keys`] if the file cannot be written; the keys are as they were.
    pub fn rotate(&self) -> Result<String, AuthError> {
        let _alone = self.rotating.lock();
        let key = Arc::new(Key::random()?);
        let id = key.id.clone();
        let before = self.live.read().clone();
        let next: Vec<_> = std::iter::once(key).chain(before).take(LIVE).collect();
        // Nobody who signs or verifies waits for the disk.
        if let Some(file) = &self.file {
            write(file, &next)?;
        }
        *self.live.write() = next;
        self.generation.fetch_add(1, Ordering::Release);
        Ok(id)
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The id of the key that signs.
    pub fn newest(&self) -> String {
        self.live.read().first().map(|key| key.id.clone()).unwrap_or_default()
    }

    /// The ids of the keys that are live, the newest first.
    pub fn ids(&self) -> Vec<String> {
        self.live.read().iter().map(|key| key.id.clone()).collect()
    }

    fn newest_key(&self) -> Option<Arc<Key>> {
        self.live.read().first().cloned()
    }

    fn key(&self, id: &str) -> Option<Arc<Key>> {
        self.live.read().iter().find(|key| key.id == id).cloned()
    }

    /// Do something with the key that signs.
    pub(super) fn with_newest<R>(&self, work: impl FnOnce(&Key) -> R) -> Option<R> {
        self.newest_key().as_deref().map(work)
    }

    /// Do something with the key of this id, if it is live.
    pub(super) fn with<R>(&self, id: &str, work: impl FnOnce(&Key) -> R) -> Option<R> {
        self.key(id).as_deref().map(work)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("ids", &self.ids()).finish_non_exhaustive()
    }
}

impl Key {
    fn random() -> Result<Self, AuthError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|_| AuthError::NoRandomness)?;
        Self::new(&seed)
    }

    fn new(seed: &[u8; 32]) -> Result<Self, AuthError> {
        let key = SigningKey::from_bytes(seed);
        let public = key.verifying_key();
        let unfit = |_| AuthError::Keys("the key cannot be encoded".to_owned());
        let signs = EncodingKey::from_ed_der(key.to_pkcs8_der().map_err(unfit)?.as_bytes());
        let verifies = DecodingKey::from_ed_der(public.as_bytes());
        let id = thumbprint(&URL_SAFE_NO_PAD.encode(public.as_bytes()));
        Ok(Self { id, seed: URL_SAFE_NO_PAD.encode(seed).into(), signs, verifies })
    }

    fn from_jwk(jwk: &Jwk) -> Option<Self> {
        if jwk.kty != "OKP" || jwk.crv != "Ed25519" {
            return None;
        }
        let seed = URL_SAFE_NO_PAD.decode(jwk.d.expose()).ok()?.try_into().ok()?;
        Self::new(&seed).ok()
    }

    fn to_jwk(&self) -> Option<Jwk> {
        let seed = URL_SAFE_NO_PAD.decode(self.seed.expose()).ok()?.try_into().ok()?;
        let public = SigningKey::from_bytes(&seed).verifying_key();
        Some(Jwk {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            kid: self.id.clone(),
            x: URL_SAFE_NO_PAD.encode(public.as_bytes()),
            d: self.seed.clone(),
        })
    }
}

/// The id of a public key, as [RFC 7638](https://www.rfc-editor.org/rfc/rfc7638) and RFC 8037 have it.
fn thumbprint(x: &str) -> String {
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(members))
}

fn failed(what: &str, file: &Path, error: impl fmt::Display) -> AuthError {
    AuthError::Keys(format!("cannot {what} the signing keys in {}: {error}", file.display()))
}

fn read(file: &Path, text: &[u8]) -> Result<Vec<Arc<Key>>, AuthError> {
    only_its_owner(file)?;
    // Not serde's own words: they may quote what is in the file.
    let unfit = || failed("read", file, "it is no JSON Web Key Set of Ed25519 keys");
    let set: KeySet = serde_json::from_slice(text).map_err(|_| unfit())?;
    let key = |jwk| Key::from_jwk(jwk).map(Arc::new);
    let keys: Option<Vec<_>> = set.keys.iter().take(LIVE).map(key).collect();
    keys.filter(|keys| !keys.is_empty()).ok_or_else(unfit)
}

#[cfg(unix)]
fn only_its_owner(file: &Path) -> Result<(), AuthError> {
    use std::os::unix::fs::MetadataExt;
    let mode = std::fs::metadata(file).map_err(|error| failed("read", file, error))?.mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(failed("trust", file, format_args!("others may read it; chmod 600 {}", file.display())))
}

#[cfg(not(unix))]
fn only_its_owner(_: &Path) -> Result<(), AuthError> {
    Ok(())
}

/// A crash leaves the old file or the new one.
fn write(file: &Path, keys: &[Arc<Key>]) -> Result<(), AuthError> {
    let failed = |error: std::io::Error| failed("write", file, error);
    let set = KeySet { keys: keys.iter().filter_map(|key| key.to_jwk()).collect() };
    let text = serde_json::to_vec_pretty(&set).map_err(|error| failed(error.into()))?;
    let new = file.with_extension("new");
    let _ = std::fs::remove_file(&new);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut to = options.open(&new).map_err(failed)?;
    to.write_all(&text).and_then(|()| to.sync_all()).map_err(failed)?;
    std::fs::rename(&new, file).map_err(failed)?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = std::fs::File::open(folder.unwrap_or(Path::new("."))).map_err(failed)?;
    folder.sync_all().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 8037, appendix A.3.
    #[test]
    fn the_id_is_the_thumbprint() {
        assert_eq!(
            thumbprint("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn a_file_has_the_last_two_and_nobody_else_may_read_it() {
        let folder = std::env::temp_dir().join(format!("mainspring-keys-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("keys.json");
        let keys = Keys::open(&file).unwrap();
        let first = keys.newest();
        assert_eq!(Keys::open(&file).unwrap().newest(), first);
        let second = keys.rotate().unwrap();
        let third = keys.rotate().unwrap();
        assert_eq!(keys.ids(), [third.clone(), second.clone()]);
        assert_eq!(Keys::open(&file).unwrap().ids(), [third, second]);

        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |mode| std::fs::Permissions::from_mode(mode);
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
            std::fs::set_permissions(&file, mode(0o640)).unwrap();
            assert!(Keys::open(&file).unwrap_err().to_string().contains("chmod 600"));
            std::fs::set_permissions(&file, mode(0o600)).unwrap();
        }
        std::fs::write(&file, r#"{"keys":[{"kty":"oct","k":"hunter2"}]}"#).unwrap();
        let error = Keys::open(&file).unwrap_err().to_string();
        assert!(error.contains("Ed25519") && !error.contains("hunter2"), "{error}");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn nothing_shows_them() {
        let keys = Keys::in_memory().unwrap();
        let seed = keys.with_newest(|key| key.seed.clone()).unwrap();
        assert!(!format!("{keys:?}").contains(seed.expose()));
    }
}
