//! Backup and restore, with the real program: a server with accounts that is written to meanwhile.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mainspring::wire::Json;
use mainspring::{Entry, Event, Key, Subscription, Write};
use mainspring_http::Client;
use mainspring_http::client::Accounts;
use serde_json::{Value, json};

use super::accounts::ADMIN;
use super::process::{Server, ask, fresh, mainspring, run};

const WRITERS: usize = 8;

type Copy = HashMap<Key, Entry<Json>>;

/// A token of the administrator, in a file.
async fn token(server: &Server, name: &str) -> std::path::PathBuf {
    let url = format!("http://{}", server.api);
    let accounts = Accounts::connect(&url).expect("a URL");
    let login = accounts.login("ada", "wheels within wheels").await.expect("ada");
    let client = Client::<Json>::builder(&url).login(login).connect();
    let accounts = client.expect("a URL").accounts();
    let token = accounts.add_token("ada", "nightly", None, None).await.expect("an admin");
    let path = fresh(name);
    fs::write(&path, token.token.expose()).expect("it can be written");
    fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("it is ours");
    path
}

fn client(server: &Server, token: &Path) -> Client<Json> {
    let token = fs::read_to_string(token).expect("text");
    let client = Client::<Json>::builder(&format!("http://{}", server.api)).token(token.as_str());
    client.max_event_bytes(16 << 20).max_answer_bytes(16 << 20).connect().expect("a URL")
}

fn element(text: &str) -> Json {
    Json::from(text)
}

/// Every kind of write, over and over, until it is told to stop.
async fn keep_writing(store: Client<Json>, writer: usize, stop: Arc<AtomicBool>) {
    let hour = Duration::from_secs(3_600);
    let mut n = 0_usize;
    while !stop.load(Ordering::Relaxed) {
        let key = format!("w{writer}/{}", n % 40);
        let list = format!("list/{writer}/{}", n % 5);
        let done = match n % 7 {
            0 => store.set(key, element("é🔑")).await.map(drop),
            1 => store.set(key, element("ttl")).ttl(hour).await.map(drop),
            2 => store.push(list, element("e")).await.map(drop),
            3 => store.pop_front(list).await.map(drop),
            4 => store.remove(key).await.map(drop),
            5 => store.set(key, element("short")).ttl(Duration::from_millis(5)).await.map(drop),
            _ => {
                let both = [
                    Write::set(format!("pair/{writer}/a"), element(&n.to_string())),
                    Write::set(format!("pair/{writer}/b"), element(&n.to_string())),
                ];
                store.batch(both).await.map(drop).map_err(|failed| failed.error)
            }
        };
        match done {
            Ok(()) | Err(mainspring::Error::NotFound | mainspring::Error::ListEmpty) => {}
            Err(error) => panic!("{error}"),
        }
        n += 1;
    }
}

/// The store at this revision, by what a subscription tells.
async fn replayed(mut copy: Copy, events: &mut Subscription<Json>, revision: u64) -> Copy {
    loop {
        let event = events.recv().await.expect("it goes on");
        let at = event.revision();
        event.apply_to(&mut copy);
        if at == Some(revision) {
            return copy;
        }
        assert!(at.is_none_or(|at| at < revision), "no event ends at revision {revision}");
    }
}

/// The store, the revision at which it is that, and what follows.
async fn snapshot(store: &Client<Json>) -> (Copy, u64, Subscription<Json>) {
    let mut events = store.subscribe().from_snapshot().await.expect("it begins");
    let mut copy = Copy::default();
    loop {
        match events.recv().await.expect("it is complete") {
            Event::SnapshotEnd { revision } => return (copy, revision, events),
            event => event.apply_to(&mut copy),
        }
    }
}

/// Run the program beside the tasks of the test.
async fn program(args: Vec<String>) -> (i32, String) {
    let run = move || run(&args.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(run).await.expect("it runs")
}

fn texts<const N: usize>(args: [&str; N]) -> Vec<String> {
    args.map(str::to_owned).to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restored_backup_is_the_store_at_the_revision_that_it_names() {
    let (data, into) = (fresh("backup-data"), fresh("backup-into"));
    let journal = format!("--journal=file:{}", data.display());
    let audit = fresh("backup-audit.jsonl");
    let audit_log = format!("--audit-log={}", audit.display());
    let args = [&ADMIN[..], &[&journal, &audit_log]].concat();
    let server = Server::start("backup", &args);
    let token = token(&server, "backup.token").await;
    let store = client(&server, &token);
    let accounts = store.accounts();
    let reads = mainspring_http::auth::Access::new(mainspring_http::auth::Role::Reader);
    accounts.register("bob", "springs and wheels", reads).await.expect("an admin");

    let large = vec![element(&"x".repeat(1_000)); 900];
    store.set("large", large.clone()).await.expect("it is set");
    let more = vec![element(&"y".repeat(1_000)); 1_100];
    for pushed in store.push_many("large", more).await.expect("it answers") {
        pushed.expect("a list may grow beyond what one request holds");
    }
    let still = (0..2_000).map(|n| (format!("still/{n}"), element("v")));
    for set in store.set_many(still).await.expect("it answers") {
        set.expect("it is set");
    }
    let (begun, _, mut events) = snapshot(&store).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..WRITERS)
        .map(|n| tokio::spawn(keep_writing(store.clone(), n, Arc::clone(&stop))))
        .collect();

    let login = json!({"name": "bob", "password": "springs and wheels"}).to_string();
    let [unused, refreshed] = [(); 2].map(|()| server.ask("POST", "/auth/login", &login).json());
    let file = fresh("backup.file");
    let (url, path) = (format!("--url=http://{}", server.api), file.display().to_string());
    let secret = format!("--token-file={}", token.display());
    let (code, said) = program(texts(["backup", "--json", &url, &secret, &path])).await;
    assert_eq!(code, 0, "{said}");
    let report: Value = serde_json::from_str(&said).expect("JSON");
    let revision = report["data"]["revision"].as_u64().expect("a number");
    let wanted = replayed(begun, &mut events, revision).await;
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.expect("every write is taken");
    }
    assert!(store.stats().await.expect("it answers").revision > revision, "nothing was written");
    assert_eq!(report["data"]["entries"], wanted.len());
    assert_eq!(report["data"]["store"], store.id().await.expect("it answers").to_string());
    assert_eq!(report["accounts"]["entries"], 2);
    assert_eq!(fs::metadata(&file).expect("it is there").permissions().mode() & 0o777, 0o600);
    assert!(!Path::new(&format!("{path}.part")).exists());
    let text = fs::read_to_string(&file).expect("text");
    let keys = fs::read_to_string(data.join("accounts/signing-keys.json")).expect("text");
    let keys: Value = serde_json::from_str(&keys).expect("JSON");
    let secrets = [
        "wheels within wheels",
        "springs and wheels",
        &fs::read_to_string(&token).expect("text"),
        keys["keys"][0]["d"].as_str().expect("a key"),
        keys["keys"][0]["kid"].as_str().expect("an id"),
    ];
    for secret in secrets {
        assert!(!text.contains(secret), "a secret is in the backup");
    }
    let audited = fs::read_to_string(&audit).expect("text");
    let lines = audited.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let one = lines.into_iter().find(|line| line["what"] == "backup").expect("it is audited");
    assert_eq!((&one["account"], &one["revision"]), (&json!("ada"), &json!(revision)));
    // An access token of before: the keys that sign them are not part of a backup.
    let refresh = |tokens: &Value| json!({"refresh_token": tokens["refresh_token"]}).to_string();
    let refreshed = server.ask("POST", "/auth/refresh", &refresh(&refreshed)).json();
    let before = server.ask("POST", "/auth/login", &login).json();

    let (code, said) = program(texts(["journal", "check", &path])).await;
    assert_eq!(code, 0, "{said}");
    let well = format!(
        "The backup is intact: {} entries at revision {revision}, 2 accounts",
        wanted.len()
    );
    assert!(said.starts_with(&well), "{said}");
    let directory = into.display().to_string();
    let (code, said) =
        program(texts(["journal", "restore", &path, "--into", &directory, "--json"])).await;
    assert_eq!(code, 0, "{said}");
    let restored: Value = serde_json::from_str(&said).expect("JSON");
    assert_ne!(restored["data"]["store"], report["data"]["store"]);

    // The accounts are those of the backup, so no administrator is named.
    let journal = format!("--journal=file:{directory}");
    let server = Server::start("backup-restored", &["--auth-enabled", &journal]);
    let store = client(&server, &token);
    assert_eq!(
        store.id().await.expect("the API token is kept").to_string(),
        restored["data"]["store"]
    );
    let (mut found, now, _) = snapshot(&store).await;
    // Keys whose deadline has passed since then may have expired; nothing else has changed.
    let mut wanted = wanted;
    let short = |entry: &Entry<Json>| entry.item() == Some(&element("short"));
    wanted.retain(|_, entry| !short(entry));
    found.retain(|_, entry| !short(entry));
    assert_eq!(found.len(), wanted.len());
    for (key, entry) in &wanted {
        assert_eq!(found.get(key), Some(entry), "{}", key.as_str());
    }
    assert_eq!(found["large"].list().map(<[_]>::len), Some(2_000));
    assert!(now >= revision);
    assert!(store.set("on", element("x")).await.expect("it is set") > revision);
    assert_eq!(server.ask("POST", "/auth/login", &login).status, 200, "the password is kept");
    // A login goes on if it is as it was at the backup.
    assert_eq!(server.ask("POST", "/auth/refresh", &refresh(&unused)).status, 200);
    assert_eq!(server.ask("POST", "/auth/refresh", &refresh(&refreshed)).status, 401);
    let access = before["access_token"].as_str().expect("a text");
    let bearer = format!("authorization: Bearer {access}\r\n");
    assert_eq!(ask(&server.api, "GET", "/auth/me", &bearer, "").status, 401);
}

#[test]
fn failed_backup_leaves_the_file_before_it() {
    let path = fresh("backup-kept.file");
    fs::write(&path, "the one before").expect("it can be written");
    let server = Server::start("backup-kept", &ADMIN);
    let url = format!("--url=http://{}", server.api);
    let path = path.display().to_string();
    // Not an administrator.
    let (code, said) = run(&["backup", &url, &path]);
    assert_eq!(code, 10, "{said}");
    let (code, said) = run(&["backup", "--url=http://127.0.0.1:1", &path]);
    assert_eq!(code, 8, "{said}");
    // Where there is no directory.
    let (code, said) = run(&["backup", &url, "/nowhere/file"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("cannot write /nowhere/file"), "{said}");
    assert_eq!(fs::read_to_string(&path).expect("text"), "the one before");
    assert!(!Path::new(&format!("{path}.part")).exists());
}

#[test]
fn backup_without_accounts_can_go_to_standard_output() {
    let server = Server::start("backup-stdout", &[]);
    assert_eq!(server.ask("PUT", "/api/v1/k", r#"{"value":1}"#).status, 200);
    let url = format!("--url=http://{}", server.api);
    let output = mainspring(&["backup", &url, "-"]).output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(said.contains(&format!("{} bytes, not checked", output.stdout.len())), "{said}");
    let path = fresh("backup-stdout.file");
    fs::write(&path, output.stdout).expect("it can be written");
    let path = path.display().to_string();
    let (code, said) = run(&["journal", "check", &path]);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.starts_with("The backup is intact: 1 entries at revision 1, no accounts"),
        "{said}"
    );

    let file = format!("{path}.whole");
    let (code, said) = run(&["backup", &url, &file]);
    assert_eq!((code, &*said), (0, &*format!("1 entries at revision 1, no accounts: {file}\n")));
}

#[test]
fn restore_takes_a_file_or_a_directory_with_a_target() {
    let server = Server::start("backup-usage", &[]);
    let (file, into) = (fresh("backup-usage.file"), fresh("backup-usage-into"));
    let (file, into) = (file.display().to_string(), into.display().to_string());
    let (code, said) = run(&["backup", &format!("--url=http://{}", server.api), &file]);
    assert_eq!(code, 0, "{said}");
    let (code, said) = run(&["journal", "restore", &file, "--to", "1", "--into", &into]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("omit --to"), "{said}");
    let (code, said) = run(&["journal", "restore", &file, "--into", &into]);
    assert_eq!(code, 0, "{said}");
    let (code, said) = run(&["journal", "restore", &into, "--into", "other"]);
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("is a directory: specify the revision or time to restore with --to"),
        "{said}"
    );
    let (code, said) = run(&["journal", "restore", &file, "--into", &into, "--json"]);
    assert_eq!(code, 0, "nothing ever happened in it: {said}");
    fs::write(&file, "no backup").expect("it can be written");
    for command in [&["check"][..], &["restore", "--into", &into]] {
        let (code, said) = run(&[&["journal"], command, &[&file]].concat());
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("the backup is incomplete or damaged"), "{said}");
    }
}

#[test]
fn restore_that_is_killed_leaves_a_directory_that_does_not_start() {
    let server = Server::start("backup-killed", &ADMIN);
    let body = json!({"name": "ada", "password": "wheels within wheels"}).to_string();
    let tokens = server.ask("POST", "/auth/login", &body).json();
    let by =
        format!("authorization: Bearer {}\r\n", tokens["access_token"].as_str().expect("a text"));
    let value = json!({"value": "x".repeat(500_000)}).to_string();
    assert_eq!(ask(&server.api, "PUT", "/api/v1/k", &by, &value).status, 200);
    let token = fresh("backup-killed.token");
    fs::write(&token, tokens["access_token"].as_str().expect("a text")).expect("it can be written");
    fs::set_permissions(&token, PermissionsExt::from_mode(0o600)).expect("it is ours");
    let file = fresh("backup-killed.file").display().to_string();
    let (url, secret) =
        (format!("--url=http://{}", server.api), format!("--token-file={}", token.display()));
    let (code, said) = run(&["backup", &url, &secret, &file]);
    assert_eq!(code, 0, "{said}");

    // A limit of the size of files ends the process in the middle of the data.
    let into = fresh("backup-killed-into").display().to_string();
    let script = "ulimit -f 200 && exec \"$0\" journal restore \"$1\" --into \"$2\"";
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_mainspring"), &file, &into]);
    let killed = shell.output().expect("it runs");
    assert!(!killed.status.success(), "{killed:?}");
    assert!(!Path::new(&into).join("MANIFEST").exists());
    let journal = format!("--journal=file:{into}");
    let (code, said) = run(&["serve", "--port=0", "--health-port=0", &journal]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("MANIFEST is missing"), "{said}");
    let (code, said) = run(&["journal", "restore", &file, "--into", &into]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("delete the directory and run the command again"), "{said}");
    fs::remove_dir_all(&into).expect("it is there");
    let (code, said) = run(&["journal", "restore", &file, "--into", &into]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("1 entries at revision 1, as the new store "), "{said}");
    assert!(said.contains("1 accounts at revision 2, as the new store "), "{said}");
}
