//! Backup and restore with the real program, of a server with accounts under concurrent writes.

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
use super::process::{Server, fresh, mainspring, request, run};

const WRITERS: usize = 8;

type Copy = HashMap<Key, Entry<Json>>;

/// Create a token of the administrator in a file.
async fn token(server: &Server, name: &str) -> std::path::PathBuf {
    let url = format!("http://{}", server.api);
    let accounts = Accounts::connect(&url).expect("valid URL");
    let login = accounts.login("ada", "wheels within wheels").await.expect("correct password");
    let client = Client::<Json>::builder(&url).login(login).connect();
    let accounts = client.expect("valid URL").accounts();
    let token =
        accounts.add_token("ada", "nightly", None, None).await.expect("ada is an administrator");
    let path = fresh(name);
    fs::write(&path, token.token.expose()).expect("the file is writable");
    fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("the file exists");
    path
}

fn client(server: &Server, token: &Path) -> Client<Json> {
    let token = fs::read_to_string(token).expect("UTF-8");
    let client = Client::<Json>::builder(&format!("http://{}", server.api)).token(token.as_str());
    client.max_event_bytes(16 << 20).max_answer_bytes(16 << 20).connect().expect("valid URL")
}

fn element(text: &str) -> Json {
    Json::from(text)
}

/// Apply all kinds of writes until `stop`.
async fn write_until(store: Client<Json>, writer: usize, stop: Arc<AtomicBool>) {
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

/// Apply events to the copy up to a revision.
async fn replay_to(mut copy: Copy, events: &mut Subscription<Json>, revision: u64) -> Copy {
    loop {
        let event = events.recv().await.expect("the subscription is open");
        let at = event.revision();
        event.apply_to(&mut copy);
        if at == Some(revision) {
            return copy;
        }
        assert!(at.is_none_or(|at| at < revision), "no event ends at revision {revision}");
    }
}

/// Copy the store, and return its revision and the subscription.
async fn snapshot(store: &Client<Json>) -> (Copy, u64, Subscription<Json>) {
    let mut events = store.subscribe().from_snapshot().await.expect("the subscription starts");
    let mut copy = Copy::default();
    loop {
        match events.recv().await.expect("the snapshot is complete") {
            Event::SnapshotEnd { revision } => return (copy, revision, events),
            event => event.apply_to(&mut copy),
        }
    }
}

/// Run the program without blocking the tasks of the test.
async fn program(args: Vec<String>) -> (i32, String) {
    let run = move || run(&args.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(run).await.expect("the program runs")
}

fn texts<const N: usize>(args: [&str; N]) -> Vec<String> {
    args.map(str::to_owned).to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restored_backup_equals_the_store_at_its_revision() {
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
    accounts.register("bob", "springs and wheels", reads).await.expect("ada is an administrator");

    let large = vec![element(&"x".repeat(1_000)); 900];
    store.set("large", large.clone()).await.expect("the set succeeds");
    let more = vec![element(&"y".repeat(1_000)); 1_100];
    for pushed in store.push_many("large", more).await.expect("the server responds") {
        pushed.expect("a list can exceed the request limit");
    }
    let still = (0..2_000).map(|n| (format!("still/{n}"), element("v")));
    for set in store.set_many(still).await.expect("the server responds") {
        set.expect("the set succeeds");
    }
    let (copy, _, mut events) = snapshot(&store).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..WRITERS)
        .map(|n| tokio::spawn(write_until(store.clone(), n, Arc::clone(&stop))))
        .collect();

    let login = json!({"name": "bob", "password": "springs and wheels"}).to_string();
    let [unused, refreshed] =
        [(); 2].map(|()| server.request("POST", "/auth/login", &login).json());
    let file = fresh("backup.file");
    let (url, path) = (format!("--url=http://{}", server.api), file.display().to_string());
    let secret = format!("--token-file={}", token.display());
    let (code, output) = program(texts(["backup", "--json", &url, &secret, &path])).await;
    assert_eq!(code, 0, "{output}");
    let report: Value = serde_json::from_str(&output).expect("valid JSON");
    let revision = report["data"]["revision"].as_u64().expect("a number");
    let expected = replay_to(copy, &mut events, revision).await;
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.expect("all writes succeed");
    }
    assert!(
        store.stats().await.expect("the server responds").revision > revision,
        "no write after the backup"
    );
    assert_eq!(report["data"]["entries"], expected.len());
    assert_eq!(report["data"]["store"], store.id().await.expect("the server responds").to_string());
    assert_eq!(report["accounts"]["entries"], 2);
    assert_eq!(fs::metadata(&file).expect("the file exists").permissions().mode() & 0o777, 0o600);
    assert!(!Path::new(&format!("{path}.part")).exists());
    let text = fs::read_to_string(&file).expect("UTF-8");
    let keys = fs::read_to_string(data.join("accounts/signing-keys.json")).expect("UTF-8");
    let keys: Value = serde_json::from_str(&keys).expect("valid JSON");
    let secrets = [
        "wheels within wheels",
        "springs and wheels",
        &fs::read_to_string(&token).expect("UTF-8"),
        keys["keys"][0]["d"].as_str().expect("a key"),
        keys["keys"][0]["kid"].as_str().expect("an id"),
    ];
    for secret in secrets {
        assert!(!text.contains(secret), "the backup contains a secret");
    }
    let audited = fs::read_to_string(&audit).expect("UTF-8");
    let lines =
        audited.lines().map(|line| serde_json::from_str::<Value>(line).expect("valid JSON"));
    let one = lines.into_iter().find(|line| line["what"] == "backup").expect("an audit event");
    assert_eq!((&one["account"], &one["revision"]), (&json!("ada"), &json!(revision)));
    // An access token from before the restore is invalid afterwards: signing keys are not in the backup.
    let refresh = |tokens: &Value| json!({"refresh_token": tokens["refresh_token"]}).to_string();
    let refreshed = server.request("POST", "/auth/refresh", &refresh(&refreshed)).json();
    let before = server.request("POST", "/auth/login", &login).json();

    let (code, output) = program(texts(["journal", "check", &path])).await;
    assert_eq!(code, 0, "{output}");
    let summary = format!(
        "The backup is intact: {} entries at revision {revision}, 2 accounts",
        expected.len()
    );
    assert!(output.starts_with(&summary), "{output}");
    let directory = into.display().to_string();
    let (code, output) =
        program(texts(["journal", "restore", &path, "--into", &directory, "--json"])).await;
    assert_eq!(code, 0, "{output}");
    let restored: Value = serde_json::from_str(&output).expect("valid JSON");
    assert_ne!(restored["data"]["store"], report["data"]["store"]);

    // The backup contains the accounts, so no administrator is configured.
    let journal = format!("--journal=file:{directory}");
    let server = Server::start("backup-restored", &["--auth-enabled", &journal]);
    let store = client(&server, &token);
    assert_eq!(
        store.id().await.expect("the API token is valid").to_string(),
        restored["data"]["store"]
    );
    let (mut found, now, _) = snapshot(&store).await;
    // Keys with a short time to live may have expired; nothing else has changed.
    let mut expected = expected;
    let short = |entry: &Entry<Json>| entry.item() == Some(&element("short"));
    expected.retain(|_, entry| !short(entry));
    found.retain(|_, entry| !short(entry));
    assert_eq!(found.len(), expected.len());
    for (key, entry) in &expected {
        assert_eq!(found.get(key), Some(entry), "{}", key.as_str());
    }
    assert_eq!(found["large"].list().map(<[_]>::len), Some(2_000));
    assert!(now >= revision);
    assert!(store.set("on", element("x")).await.expect("the set succeeds") > revision);
    assert_eq!(
        server.request("POST", "/auth/login", &login).status,
        200,
        "the password is unchanged"
    );
    // A login is valid if its tokens were not refreshed after the backup.
    assert_eq!(server.request("POST", "/auth/refresh", &refresh(&unused)).status, 200);
    assert_eq!(server.request("POST", "/auth/refresh", &refresh(&refreshed)).status, 401);
    let access = before["access_token"].as_str().expect("a text");
    let bearer = format!("authorization: Bearer {access}\r\n");
    assert_eq!(request(&server.api, "GET", "/auth/me", &bearer, "").status, 401);
}

#[test]
fn failed_backup_keeps_the_existing_file() {
    let path = fresh("backup-kept.file");
    fs::write(&path, "previous backup").expect("the file is writable");
    let server = Server::start("backup-kept", &ADMIN);
    let url = format!("--url=http://{}", server.api);
    let path = path.display().to_string();
    // Not an administrator.
    let (code, output) = run(&["backup", &url, &path]);
    assert_eq!(code, 10, "{output}");
    let (code, output) = run(&["backup", "--url=http://127.0.0.1:1", &path]);
    assert_eq!(code, 8, "{output}");
    // The directory does not exist.
    let (code, output) = run(&["backup", &url, "/nowhere/file"]);
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("cannot write /nowhere/file"), "{output}");
    assert_eq!(fs::read_to_string(&path).expect("UTF-8"), "previous backup");
    assert!(!Path::new(&format!("{path}.part")).exists());
}

#[test]
fn backup_without_accounts_can_go_to_standard_output() {
    let server = Server::start("backup-stdout", &[]);
    assert_eq!(server.request("PUT", "/api/v1/k", r#"{"value":1}"#).status, 200);
    let url = format!("--url=http://{}", server.api);
    let output = mainspring(&["backup", &url, "-"]).output().expect("the program runs");
    assert!(output.status.success(), "{output:?}");
    let errors = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(errors.contains(&format!("{} bytes, not verified", output.stdout.len())), "{errors}");
    let path = fresh("backup-stdout.file");
    fs::write(&path, output.stdout).expect("the file is writable");
    let path = path.display().to_string();
    let (code, output) = run(&["journal", "check", &path]);
    assert_eq!(code, 0, "{output}");
    assert!(
        output.starts_with("The backup is intact: 1 entries at revision 1, no accounts"),
        "{output}"
    );

    let file = format!("{path}.whole");
    let (code, output) = run(&["backup", &url, &file]);
    assert_eq!((code, &*output), (0, &*format!("1 entries at revision 1, no accounts: {file}\n")));
}

#[test]
fn restore_takes_a_file_or_a_directory_with_a_target() {
    let server = Server::start("backup-usage", &[]);
    let (file, into) = (fresh("backup-usage.file"), fresh("backup-usage-into"));
    let (file, into) = (file.display().to_string(), into.display().to_string());
    let (code, output) = run(&["backup", &format!("--url=http://{}", server.api), &file]);
    assert_eq!(code, 0, "{output}");
    let (code, output) = run(&["journal", "restore", &file, "--to", "1", "--into", &into]);
    assert_eq!(code, 2, "{output}");
    assert!(output.contains("omit --to"), "{output}");
    let (code, output) = run(&["journal", "restore", &file, "--into", &into]);
    assert_eq!(code, 0, "{output}");
    let (code, output) = run(&["journal", "restore", &into, "--into", "other"]);
    assert_eq!(code, 2, "{output}");
    assert!(
        output.contains("is a directory: specify the revision or time to restore with --to"),
        "{output}"
    );
    let (code, output) = run(&["journal", "restore", &file, "--into", &into, "--json"]);
    assert_eq!(code, 0, "an empty backup can be restored again: {output}");
    fs::write(&file, "no backup").expect("the file is writable");
    for command in [&["check"][..], &["restore", "--into", &into]] {
        let (code, output) = run(&[&["journal"], command, &[&file]].concat());
        assert_eq!(code, 1, "{output}");
        assert!(output.contains("the backup is incomplete or damaged"), "{output}");
    }
}

#[test]
fn killed_restore_leaves_a_directory_that_does_not_start() {
    let server = Server::start("backup-killed", &ADMIN);
    let body = json!({"name": "ada", "password": "wheels within wheels"}).to_string();
    let tokens = server.request("POST", "/auth/login", &body).json();
    let authorization =
        format!("authorization: Bearer {}\r\n", tokens["access_token"].as_str().expect("a text"));
    let value = json!({"value": "x".repeat(500_000)}).to_string();
    assert_eq!(request(&server.api, "PUT", "/api/v1/k", &authorization, &value).status, 200);
    let token = fresh("backup-killed.token");
    fs::write(&token, tokens["access_token"].as_str().expect("a text"))
        .expect("the file is writable");
    fs::set_permissions(&token, PermissionsExt::from_mode(0o600)).expect("the file exists");
    let file = fresh("backup-killed.file").display().to_string();
    let (url, secret) =
        (format!("--url=http://{}", server.api), format!("--token-file={}", token.display()));
    let (code, output) = run(&["backup", &url, &secret, &file]);
    assert_eq!(code, 0, "{output}");

    // The file size limit ends the process in the middle of the data.
    let into = fresh("backup-killed-into").display().to_string();
    let script = "ulimit -f 200 && exec \"$0\" journal restore \"$1\" --into \"$2\"";
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_mainspring"), &file, &into]);
    let killed = shell.output().expect("the program runs");
    assert!(!killed.status.success(), "{killed:?}");
    assert!(!Path::new(&into).join("MANIFEST").exists());
    let journal = format!("--journal=file:{into}");
    let (code, output) = run(&["serve", "--port=0", "--health-port=0", &journal]);
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("MANIFEST is missing"), "{output}");
    let (code, output) = run(&["journal", "restore", &file, "--into", &into]);
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("delete the directory and run the command again"), "{output}");
    fs::remove_dir_all(&into).expect("the file exists");
    let (code, output) = run(&["journal", "restore", &file, "--into", &into]);
    assert_eq!(code, 0, "{output}");
    assert!(output.contains("1 entries at revision 1, as the new store "), "{output}");
    assert!(output.contains("1 accounts at revision 2, as the new store "), "{output}");
}
