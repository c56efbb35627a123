//! The accounts that are kept in a folder: of a server, or of nobody who serves at the moment.

use std::path::Path;

use anyhow::Context;
use mainspring::Store;
use mainspring::journal::FileJournal;
use mainspring_http::auth::{Auth, AuthOptions, Keys};

use super::journal_url::JournalUrl;

/// The signing keys, beside the journal in its folder.
const KEYS: &str = "signing-keys.json";

/// The accounts that a URL names, with their signing keys, once they are recovered: a folder, which is made if it is
/// not there, or `none`, where they end with the process.
///
/// # Errors
///
/// Among others `FileError::Locked` if another process has them open.
pub async fn open(url: &JournalUrl, options: AuthOptions) -> anyhow::Result<Auth> {
    let JournalUrl::File(folder) = url else {
        return Ok(Auth::new(Store::builder().spawn(), Keys::in_memory()?, options)?);
    };
    make_private(folder)?;
    let journal = FileJournal::open(folder).lock()?;
    // After the lock, so that two who start do not make two sets of keys.
    let keys = Keys::open(folder.join(KEYS))?;
    let store = Store::builder().journal(journal).spawn();
    store.ready().await.with_context(|| format!("cannot open the accounts {url}"))?;
    Ok(Auth::new(store, keys, options)?)
}

/// Nobody else may look into the folder: there are hashes of passwords in it.
#[cfg(unix)]
fn make_private(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};

    let shown = folder.display();
    let mut builder = std::fs::DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("cannot make {shown}"))?;
    let mode =
        folder.metadata().with_context(|| format!("cannot look at {shown}"))?.permissions().mode();
    anyhow::ensure!(
        mode & 0o077 == 0,
        "others may look into {shown}, where the accounts are: chmod 700 {}",
        super::output::argument(folder)
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
    async fn they_are_there_again() {
        let folder =
            std::env::temp_dir().join(format!("mainspring-accounts-{}", std::process::id()));
        let url = JournalUrl::File(folder.join("accounts"));
        let auth = open(&url, AuthOptions::default()).await.unwrap();
        assert!(auth.ensure_admin("ada", "wheels within wheels".into()).await.unwrap());
        let signing = auth.keys().ids();
        let again = open(&url, AuthOptions::default()).await.unwrap_err();
        assert!(matches!(again.downcast_ref(), Some(FileError::Locked { .. })), "{again:?}");
        auth.store().shutdown().await.unwrap();
        drop(auth);

        // What else is in the folder is not in the way of the journal.
        let auth = open(&url, AuthOptions::default()).await.unwrap();
        assert!(auth.profile("ada").is_some());
        assert_eq!(auth.keys().ids(), signing);
        auth.store().shutdown().await.unwrap();
        let report = mainspring::journal::file::tools::check(folder.join("accounts"), &mut |_| ());
        assert!(report.is_ok());

        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let path = folder.join("accounts");
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
            let told = open(&url, AuthOptions::default()).await.unwrap_err().to_string();
            assert!(told.contains("chmod 700"), "{told}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
