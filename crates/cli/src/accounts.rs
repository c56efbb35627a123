//! Accounts in a directory, with or without a running server.

use std::path::Path;

use anyhow::Context;
use mainspring::Store;
use mainspring::journal::FileJournal;
use mainspring_http::auth::{Auth, AuthOptions, Keys};

use super::journal_url::JournalUrl;

/// The signing keys, beside the journal in its directory.
const KEYS: &str = "signing-keys.json";

/// Open the accounts at a URL, with their signing keys, and wait for recovery. A missing directory is created. With
/// `none`, the accounts are in memory and end with the process.
///
/// # Errors
///
/// Returns `FileError::Locked`, among others, if another process has the directory open.
pub async fn open(url: &JournalUrl, options: AuthOptions) -> anyhow::Result<Auth> {
    let JournalUrl::File(directory) = url else {
        return Ok(Auth::new(Store::builder().spawn(), Keys::in_memory()?, options)?);
    };
    make_private(directory)?;
    let journal = FileJournal::open(directory).lock()?;
    // After the lock, so that two processes that start at once do not create two sets of keys.
    let keys = Keys::open(directory.join(KEYS))?;
    let store = Store::builder().journal(journal).spawn();
    store.ready().await.with_context(|| format!("cannot open the accounts {url}"))?;
    Ok(Auth::new(store, keys, options)?)
}

/// Create the directory for this user only, because it contains password hashes. An existing one must be private.
#[cfg(unix)]
fn make_private(directory: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};

    let shown = directory.display();
    let mut builder = std::fs::DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .with_context(|| format!("cannot create {shown}"))?;
    let mode = directory
        .metadata()
        .with_context(|| format!("cannot read the permissions of {shown}"))?
        .permissions()
        .mode();
    anyhow::ensure!(
        mode & 0o077 == 0,
        "other users can read the accounts in {shown}: chmod 700 {}",
        super::output::argument(directory)
    );
    Ok(())
}

#[cfg(not(unix))]
fn make_private(_: &Path) -> anyhow::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainspring::journal::file::FileError;

    #[tokio::test]
    async fn reopened_accounts_are_unchanged_and_private() {
        let directory =
            std::env::temp_dir().join(format!("mainspring-accounts-{}", std::process::id()));
        let url = JournalUrl::File(directory.join("accounts"));
        let auth = open(&url, AuthOptions::default()).await.unwrap();
        assert!(auth.ensure_admin("ada", "wheels within wheels".into()).await.unwrap());
        let signing = auth.keys().ids();
        let locked = open(&url, AuthOptions::default()).await.unwrap_err();
        assert!(matches!(locked.downcast_ref(), Some(FileError::Locked { .. })), "{locked:?}");
        auth.store().shutdown().await.unwrap();
        drop(auth);

        // The journal ignores other files in the directory.
        let auth = open(&url, AuthOptions::default()).await.unwrap();
        assert!(auth.profile("ada").is_some());
        assert_eq!(auth.keys().ids(), signing);
        auth.store().shutdown().await.unwrap();
        let report =
            mainspring::journal::file::tools::check(directory.join("accounts"), &mut |_| ());
        assert!(report.is_ok());

        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let path = directory.join("accounts");
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
            let error = open(&url, AuthOptions::default()).await.unwrap_err().to_string();
            assert!(error.contains("chmod 700"), "{error}");
        }
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
