//! Signing keys: the current key, and the previous one, whose tokens remain valid.

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

/// The keys that sign access tokens (Ed25519). The newest key signs; tokens signed with the previous key are valid until
/// they expire.
///
/// In a file they are a JSON Web Key Set ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517),
/// [RFC 8037](https://www.rfc-editor.org/rfc/rfc8037)), newest first. Only the owner of the file may read it.
///
/// # Examples
///
/// ```
/// use mainspring_http::auth::Keys;
///
/// let keys = Keys::in_memory()?; // the tokens end with the process
/// let first = keys.newest();
/// let second = keys.rotate()?;
/// assert_eq!(keys.ids(), [second, first]);
/// # Ok::<(), mainspring_http::auth::AuthError>(())
/// ```
pub struct Keys {
    file: Option<PathBuf>,
    live: RwLock<Vec<Arc<Key>>>,
    rotating: Mutex<()>,
    /// The generation of the set of keys. Cached results of an older generation are not used.
    generation: AtomicU64,
}

/// The number of valid keys.
const LIVE: usize = 2;

pub(super) struct Key {
    pub(super) id: String,
    seed: Secret,
    pub(super) encoding: EncodingKey,
    pub(super) decoding: DecodingKey,
}

/// A key set in a file.
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
    /// Creates a new key that is lost when the process ends.
    ///
    /// # Errors
    ///
    /// [`AuthError::NoRandomness`].
    pub fn in_memory() -> Result<Self, AuthError> {
        Ok(Self::new(None, vec![Arc::new(Key::random()?)]))
    }

    /// Opens the keys in this file. If the file does not exist, it is created with a new key.
    ///
    /// # Errors
    ///
    /// [`AuthError::Keys`] if the file cannot be read or written, is not a set of Ed25519 keys, or may be read by other
    /// users than its owner.
    ///
    /// # Examples
    ///
    /// ```
    /// use mainspring_http::auth::Keys;
    ///
    /// let directory = std::env::temp_dir().join(format!("mainspring-doc-keys-{}", std::process::id()));
    /// std::fs::create_dir_all(&directory)?;
    /// let file = directory.join("keys.json");
    ///
    /// let created = Keys::open(&file)?.newest();
    /// assert_eq!(Keys::open(&file)?.newest(), created);
    /// # std::fs::remove_dir_all(&directory)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
        Ok(Self::new(Some(file), live))
    }

    fn new(file: Option<PathBuf>, live: Vec<Arc<Key>>) -> Self {
        let (live, rotating) = (RwLock::new(live), Mutex::new(()));
        Self { file, live, rotating, generation: AtomicU64::new(0) }
    }

    /// Signs with a new key from now on, and removes the older of two: its tokens are rejected from now on. Returns the
    /// id of the new key. Blocks while the file is written.
    ///
    /// # Errors
    ///
    /// [`AuthError::Keys`] if the file cannot be written; the keys are then unchanged.
    pub fn rotate(&self) -> Result<String, AuthError> {
        let _guard = self.rotating.lock();
        let key = Arc::new(Key::random()?);
        let id = key.id.clone();
        let before = self.live.read().clone();
        let next: Vec<_> = std::iter::once(key).chain(before).take(LIVE).collect();
        // Written before `live` is locked, so that signing and verifying do not wait for the disk.
        if let Some(file) = &self.file {
            write(file, &next)?;
        }
        *self.live.write() = next;
        // Released after the new set is visible, see `verify_access_token`.
        self.generation.fetch_add(1, Ordering::Release);
        Ok(id)
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Returns the id of the key that signs.
    pub fn newest(&self) -> String {
        self.live.read().first().map(|key| key.id.clone()).unwrap_or_default()
    }

    /// Returns the ids of the valid keys, newest first.
    pub fn ids(&self) -> Vec<String> {
        self.live.read().iter().map(|key| key.id.clone()).collect()
    }

    fn newest_key(&self) -> Option<Arc<Key>> {
        self.live.read().first().cloned()
    }

    fn key(&self, id: &str) -> Option<Arc<Key>> {
        self.live.read().iter().find(|key| key.id == id).cloned()
    }

    /// Runs `f` with the key that signs.
    pub(super) fn with_newest<R>(&self, f: impl FnOnce(&Key) -> R) -> Option<R> {
        self.newest_key().as_deref().map(f)
    }

    /// Runs `f` with the key of this id, if it is valid.
    pub(super) fn with<R>(&self, id: &str, f: impl FnOnce(&Key) -> R) -> Option<R> {
        self.key(id).as_deref().map(f)
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
        let cannot_encode = |_| AuthError::Keys("cannot encode the signing key".to_owned());
        let encoding =
            EncodingKey::from_ed_der(key.to_pkcs8_der().map_err(cannot_encode)?.as_bytes());
        let decoding = DecodingKey::from_ed_der(public.as_bytes());
        let id = thumbprint(&URL_SAFE_NO_PAD.encode(public.as_bytes()));
        Ok(Self { id, seed: URL_SAFE_NO_PAD.encode(seed).into(), encoding, decoding })
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

/// The id of a public key, by [RFC 7638](https://www.rfc-editor.org/rfc/rfc7638) and RFC 8037.
fn thumbprint(x: &str) -> String {
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(members))
}

fn failed(what: &str, file: &Path, error: impl fmt::Display) -> AuthError {
    AuthError::Keys(format!("cannot {what} the signing keys in {}: {error}", file.display()))
}

fn read(file: &Path, text: &[u8]) -> Result<Vec<Arc<Key>>, AuthError> {
    check_permissions(file)?;
    // The error of serde is not included, because it may quote the contents of the file.
    let invalid = || failed("read", file, "not a JSON Web Key Set of Ed25519 keys");
    let set: KeySet = serde_json::from_slice(text).map_err(|_| invalid())?;
    let key = |jwk| Key::from_jwk(jwk).map(Arc::new);
    let keys: Option<Vec<_>> = set.keys.iter().take(LIVE).map(key).collect();
    keys.filter(|keys| !keys.is_empty()).ok_or_else(invalid)
}

#[cfg(unix)]
fn check_permissions(file: &Path) -> Result<(), AuthError> {
    use std::os::unix::fs::MetadataExt;
    let mode = std::fs::metadata(file).map_err(|error| failed("read", file, error))?.mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(failed(
        "trust",
        file,
        format_args!("other users may read it; run chmod 600 {}", file.display()),
    ))
}

#[cfg(not(unix))]
fn check_permissions(_: &Path) -> Result<(), AuthError> {
    Ok(())
}

/// Replaces the file atomically: after a crash it has the old keys or the new ones.
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
    fn key_id_is_the_jwk_thumbprint() {
        assert_eq!(
            thumbprint("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn file_has_the_last_two_keys_and_is_private() {
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
    fn debug_output_hides_the_keys() {
        let keys = Keys::in_memory().unwrap();
        let seed = keys.with_newest(|key| key.seed.clone()).unwrap();
        assert!(!format!("{keys:?}").contains(seed.expose()));
    }
}
