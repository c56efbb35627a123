//! Backups: which files are rejected, and what a restore creates.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mainspring::Store;
use mainspring::journal::FileJournal;
use mainspring::journal::file::FileError;
use mainspring::journal::file::tools::{check, check_backup, restore_backup, stat};
use mainspring_http::auth::{Access, Auth, AuthOptions, Keys, Role};
use mainspring_http::client::Accounts;
use mainspring_http::{Client, server};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::folder::{content, exported, files, filled, fresh, open, rows};

/// Returns the backup of a server with these accounts.
async fn backup_of(store: &Store<String>, auth: Option<Auth>) -> Vec<u8> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let mut options = server::ServerOptions::default();
    options.auth = auth.clone();
    let stop = CancellationToken::new();
    let serving = tokio::spawn(server::serve(listener, store.clone(), options, stop.clone()));
    let mut client = Client::<String>::builder(&url);
    if auth.is_some() {
        let accounts = Accounts::connect(&url).expect("a URL");
        client = client.login(accounts.login("ada", "wheels within wheels").await.expect("ada"));
    }
    let client = client.connect().expect("a URL");
    let mut backup = client.backup().await.expect("the backup starts");
    let mut bytes = Vec::new();
    while let Some(chunk) = backup.next().await.expect("the next chunk") {
        bytes.extend_from_slice(&chunk);
    }
    stop.cancel();
    serving.await.expect("the end of the process");
    bytes
}

/// Returns a small backup with every kind of line, and the accounts `ada` and `bob`.
async fn small() -> Vec<u8> {
    let store = Store::<String>::builder().spawn();
    store.set("ключ/🔑", "a \"value\"\n").await.expect("the write succeeds");
    store.set("gone", "x").await.expect("the write succeeds");
    store
        .set("list", vec!["a", "b"])
        .ttl(Duration::from_secs(3_600))
        .await
        .expect("the write succeeds");
    store.remove("gone").await.expect("present");
    let auth = Auth::new(
        Store::builder().spawn(),
        Keys::in_memory().expect("randomness"),
        AuthOptions::default(),
    );
    let auth = auth.expect("randomness");
    for (name, role) in [("ada", Role::Admin), ("bob", Role::Reader)] {
        let made = auth.register(name, "wheels within wheels".into(), Access::new(role)).await;
        made.expect("a new account");
    }
    backup_of(&store, Some(auth)).await
}

fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = fresh(name).with_extension("file");
    fs::write(&path, bytes).expect("a writable file");
    path
}

#[track_caller]
fn assert_rejected(path: &Path, into: &Path, what: &str) -> String {
    let error = check_backup(path, &mut |_| ()).expect_err(what).to_string();
    let again = restore_backup(path, into, &mut |_| ()).expect_err(what).to_string();
    assert_eq!(error, again, "{what}");
    assert!(!into.exists(), "{what}: the directory was created");
    error
}

/// Ends a line with its checksum, as a journal does.
fn sealed(text: &str) -> String {
    format!("{text},\"crc\":\"{:08x}\"}}\n", crc32c::crc32c(text.as_bytes()))
}

#[tokio::test]
async fn restored_backup_has_entries_accounts_revisions_and_new_store_ids() {
    let bytes = small().await;
    let (path, into) = (file("backup-whole", &bytes), fresh("backup-whole-into"));
    let report = check_backup(&path, &mut |_| ()).expect("an intact backup");
    assert_eq!((report.data.entries, report.data.revision), (2, 4));
    let accounts = report.accounts.clone().expect("accounts");
    assert_eq!(accounts.entries, 2);
    assert_eq!(report.bytes, bytes.len() as u64);

    let done = restore_backup(&path, &into, &mut |_| ()).expect("an intact backup");
    assert_eq!((done.data.entries, done.data.revision), (2, 4));
    let restored_accounts = done.accounts.clone().expect("accounts");
    assert_eq!((restored_accounts.entries, restored_accounts.revision), (2, accounts.revision));
    assert_ne!(done.data.store, report.data.store);
    assert_ne!(restored_accounts.store, accounts.store);
    let folder = into.join("accounts");
    for (folder, done) in [(&into, &done.data), (&folder, &restored_accounts)] {
        assert!(!check(folder, &mut |_| ()).expect("a journal").is_damaged());
        let stat = stat(folder).expect("a journal");
        assert_eq!((&stat.store, stat.revision), (&done.store, done.revision));
        assert_eq!(fs::metadata(folder).expect("present").permissions().mode() & 0o777, 0o700);
        for file in files(folder, "").into_iter().filter(|file| file.is_file()) {
            let mode = fs::metadata(&file).expect("present").permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{}", file.display());
        }
    }
    let store = open(&into);
    let entry = store.get("ключ/🔑").await.expect("the store starts").expect("present");
    assert_eq!((entry.revision, entry.item().map(String::as_str)), (1, Some("a \"value\"\n")));
    let list = store.get("list").await.expect("the store starts").expect("present");
    assert_eq!((list.revision, list.list().map(<[_]>::len)), (3, Some(2)));
    assert_eq!(list.expires_at, Some(list.created_at + Duration::from_secs(3_600)));
    assert_eq!(store.set("on", "x").await, Ok(5));
    store.shutdown().await.expect("the store closes");

    let journal = FileJournal::open(&folder);
    let store = Store::builder().journal(journal).spawn();
    store.ready().await.expect("the store starts");
    let auth = Auth::new(store, Keys::in_memory().expect("randomness"), AuthOptions::default());
    let auth = auth.expect("randomness");
    let from = Ipv4Addr::LOCALHOST.into();
    auth.login("bob", "wheels within wheels".into(), from).await.expect("the password is kept");
    auth.store().shutdown().await.expect("the store closes");
}

#[tokio::test]
async fn backup_truncated_at_any_byte_is_rejected() {
    let (bytes, into) = (small().await, fresh("backup-cut-into"));
    let path = file("backup-cut", &bytes);
    let opened = fs::File::options().write(true).open(&path).expect("present");
    for length in (0..bytes.len()).rev() {
        opened.set_len(length as u64).expect("a truncatable file");
        let error = assert_rejected(&path, &into, &format!("{length} of {} bytes", bytes.len()));
        assert!(error.contains("incomplete or damaged"), "{length}: {error}");
    }
}

#[tokio::test]
async fn backup_with_any_flipped_bit_is_rejected() {
    let (bytes, into) = (small().await, fresh("backup-flip-into"));
    let path = file("backup-flip", &bytes);
    let opened = fs::File::options().write(true).open(&path).expect("present");
    for (at, byte) in bytes.iter().enumerate() {
        for bit in 0..8 {
            opened.write_all_at(&[byte ^ (1 << bit)], at as u64).expect("a writable file");
            let result = restore_backup(&path, &into, &mut |_| ());
            assert!(result.is_err(), "bit {bit} of byte {at}");
            assert!(!into.exists(), "bit {bit} of byte {at}: the directory was created");
        }
        opened.write_all_at(&[*byte], at as u64).expect("a writable file");
    }
}

#[tokio::test]
async fn backup_with_wrong_parts_is_rejected() {
    let bytes = small().await;
    let text = String::from_utf8(bytes).expect("text");
    let at = text.rfind("{\"format\"").expect("two headers");
    let (data, accounts) = text.split_at(at);
    let (first, rest) = text.split_once('\n').expect("a header");
    let unsealed = first.rsplit_once(",\"crc\"").expect("a seal").0;
    let with = |from: &str, to: &str| {
        assert!(unsealed.contains(from), "{unsealed}");
        format!("{}{rest}", sealed(&unsealed.replace(from, to)))
    };
    let journal = filled("backup-of-journal", 5).await;
    let snapshot = {
        mainspring::journal::file::tools::compact(&journal, 0, &mut |_| ())
            .expect("the store closes");
        fs::read_to_string(&files(&journal, "snapshot-")[0]).expect("text")
    };
    let into = fresh("backup-other-into");
    for (what, content, expected) in [
        ("empty", String::new(), "the header of a backup is missing"),
        ("another file", "mainspring\n".repeat(1_000), "the header of a backup is missing"),
        ("a snapshot", snapshot, "belongs to a journal, not to a backup"),
        ("bytes follow", format!("{text}{{"), "1 bytes follow the end"),
        ("a part follows", format!("{text}{accounts}"), "bytes follow the end"),
        ("a part is missing", data.to_owned(), "the header is missing"),
        ("the same part twice", format!("{data}{data}"), "expected the part \"accounts\""),
        ("the wrong order", format!("{accounts}{data}"), "does not list the parts"),
        (
            "an unknown part",
            with("\"part\":\"data\"", "\"part\":\"keys\""),
            "unknown part \"keys\"",
        ),
        (
            "an unknown part later",
            with("[\"data\",\"accounts\"]", "[\"data\",\"keys\"]"),
            "unknown part \"keys\"",
        ),
        ("no parts", with(",\"parts\":[\"data\",\"accounts\"]", ""), "does not list the parts"),
        (
            "fewer parts",
            with("[\"data\",\"accounts\"]", "[\"data\"]"),
            "lines are missing or changed",
        ),
        ("a later format", with("\"format\":2", "\"format\":3"), "unknown format 3"),
        ("an older format", with("\"format\":2", "\"format\":1"), "is of format 1"),
        ("an unknown member", with("\"part\"", "\"secret\":1,\"part\""), "unknown field `secret`"),
    ] {
        let path = file("backup-other", content.as_bytes());
        let error = assert_rejected(&path, &into, what);
        assert!(error.contains(expected), "{what}: {error}");
    }
    let error = assert_rejected(&journal, &into, "a directory");
    assert!(error.contains("expected the file of a backup"), "{error}");
    assert_rejected(&fresh("backup-nowhere"), &into, "no file");
}

#[tokio::test]
async fn entry_line_with_header_member_is_rejected() {
    let store = Store::<String>::builder().spawn();
    store.set("k", "v").await.expect("the write succeeds");
    let text = String::from_utf8(backup_of(&store, None).await).expect("text");
    let mut lines: Vec<String> = text.lines().map(|line| format!("{line}\n")).collect();
    let entry = lines[1].rsplit_once(",\"crc\"").expect("a seal").0.to_owned();
    lines[1] = sealed(&format!("{entry},\"part\":\"data\""));
    let path = file("backup-member", lines.concat().as_bytes());
    let error = assert_rejected(&path, &fresh("backup-member-into"), "a member of headers");
    assert!(error.contains("later version"), "{error}");
}

#[tokio::test]
async fn restore_into_directory_with_journal_is_rejected() {
    let path = file("backup-into", &small().await);
    let into = filled("backup-into-journal", 3).await;
    let before = content(&into);
    let error = restore_backup(&path, &into, &mut |_| ()).expect_err("an existing journal");
    assert!(error.to_string().contains("there is already a journal in this directory"), "{error}");
    assert!(!into.join("accounts").exists());
    assert_eq!(content(&into), before);

    // The accounts of another server, without its data.
    let into = fresh("backup-into-accounts");
    fs::create_dir_all(&into).expect("a new directory");
    fs::rename(filled("backup-into-others", 3).await, into.join("accounts"))
        .expect("the rename succeeds");
    let before = content(&into.join("accounts"));
    restore_backup(&path, &into, &mut |_| ()).expect_err("existing accounts");
    assert_eq!(content(&into.join("accounts")), before);
    assert_eq!(
        files(&into, ""),
        [into.join("LOCK"), into.join("accounts")],
        "no other file may remain"
    );
}

#[tokio::test]
async fn restore_into_open_directory_is_rejected() {
    let path = file("backup-locked", &small().await);
    let into = fresh("backup-locked-into");
    let store = open(&into);
    store.ready().await.expect("the store starts");
    let error = restore_backup(&path, &into, &mut |_| ()).expect_err("the journal is open");
    assert!(matches!(error, FileError::Locked { .. }), "{error}");
    store.shutdown().await.expect("the store closes");
    // The journal has no changes.
    restore_backup(&path, &into, &mut |_| ()).expect("an empty journal");
    assert_eq!(rows(&into).len(), 2);
}

#[tokio::test]
async fn backup_without_accounts_restores_without_accounts() {
    let store = Store::<String>::builder().spawn();
    let empty = backup_of(&store, None).await;
    let (path, into) = (file("backup-empty", &empty), fresh("backup-empty-into"));
    let done = restore_backup(&path, &into, &mut |_| ()).expect("an intact backup");
    assert_eq!((done.data.entries, done.data.revision), (0, 0));
    assert_eq!(done.accounts, None);
    assert!(!into.join("accounts").exists());
    assert_eq!(exported(&into), "");
    let store = open(&into);
    assert_eq!(store.set("k", "v").await, Ok(1));
    store.shutdown().await.expect("the store closes");
}

#[tokio::test]
async fn failed_restore_of_accounts_leaves_no_journal() {
    let (path, into) = (file("backup-failed", &small().await), fresh("backup-failed-into"));
    fs::create_dir_all(&into).expect("a new directory");
    fs::write(into.join("accounts"), "in the way").expect("a writable file");
    let error = restore_backup(&path, &into, &mut |_| ()).expect_err("not a directory");
    assert!(error.to_string().contains("accounts: cannot create"), "{error}");
    assert_eq!(files(&into, ""), [into.join("LOCK"), into.join("accounts")]);
    fs::remove_file(into.join("accounts")).expect("present");
    restore_backup(&path, &into, &mut |_| ()).expect("a free directory");
    assert_eq!(rows(&into).len(), 2);
}
