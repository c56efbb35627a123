//! `serve --tls-cert --tls-key`, and the commands that talk to it.

use std::fs;
use std::path::PathBuf;

use mainspring_testing::certificates::{Authority, Pair};

use super::process::{Server, ask, eventually, fresh, mainspring, run};

/// An authority, and the files of what it signed.
struct Files {
    authority: Authority,
    folder: PathBuf,
}

impl Files {
    fn new(name: &str) -> Self {
        let folder = fresh(name);
        fs::create_dir_all(&folder).expect("it can be created");
        let files = Self { authority: Authority::new(), folder };
        fs::write(files.path("ca.pem"), files.authority.pem()).expect("it is written");
        files.put(&files.authority.sign());
        files
    }

    fn put(&self, pair: &Pair) {
        fs::write(self.path("pem"), &pair.certificate).expect("it is written");
        fs::write(self.path("key"), &pair.key).expect("it is written");
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().expect("text").to_owned()
    }

    fn args(&self) -> [String; 2] {
        [format!("--tls-cert={}", self.path("pem")), format!("--tls-key={}", self.path("key"))]
    }

    fn start(&self, name: &str, more: &[&str]) -> Server {
        let args = self.args();
        let args: Vec<&str> = args.iter().map(String::as_str).chain(more.iter().copied()).collect();
        Server::start(name, &args)
    }
}

#[test]
fn the_commands_talk_to_it_and_trust_only_who_they_should() {
    let files = Files::new("tls-commands");
    let server = files.start("tls-commands", &[]);
    let url = format!("https://{}", server.api);
    assert!(server.log().contains(&format!("api={url}")), "{}", server.log());

    let cacert = files.path("ca.pem");
    let to = ["--url", &url, "--cacert", &cacert];
    assert_eq!(run(&[&["set", "k", "v"], &to[..]].concat()), (0, "1\n".to_owned()));
    assert_eq!(run(&[&to[..], &["get", "k"]].concat()), (0, "v\n".to_owned()));
    let mut command = mainspring(&["get", "k", "--url", &url]);
    let told = command.env("MAINSPRING_CACERT", &cacert).output().expect("it runs");
    assert_eq!(told.stdout, b"v\n");

    // The system knows nothing of this authority.
    let (code, said) = run(&["get", "k", "--url", &url]);
    assert!([2, 8].contains(&code) && said.contains("--cacert"), "{code}: {said}");
    let (code, said) = run(&["get", "k", "--url", &url, "--cacert", "no/such/file"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("--cacert no/such/file: it cannot be read"), "{said}");
    let (code, said) = run(&["get", "k", "--url", &url, "--cacert", &files.path("key")]);
    assert_eq!(code, 2, "{said}");
    let (code, said) = run(&["get", "k", "--url", &format!("http://{}", server.api)]);
    assert!(code != 0 && said.contains("use https:// in the URL"), "{said}");

    assert_eq!(ask(&server.api, "GET", "/stats", "", "").status, 400);
    let metrics = server.check("/metrics").body;
    assert!(
        metrics.contains("mainspring_tls_certificate_expiry_seconds 2208988800\n"),
        "{metrics}"
    );
    let closed = "mainspring_http_connections_closed_total{reason=\"handshake\"} ";
    assert!(metrics.contains(closed) && !metrics.contains(&format!("{closed}0\n")), "{metrics}");
    server.signal("TERM");
    assert_eq!(server.end().0, 0);
}

#[test]
fn a_renewed_certificate_is_taken_without_a_restart() {
    let files = Files::new("tls-renewed");
    let server = files.start("tls-renewed", &["--tls-check-interval=20ms"]);
    let expiry = |server: &Server| {
        let metrics = server.check("/metrics").body;
        let line = metrics.lines().find(|l| l.starts_with("mainspring_tls_certificate_expiry"));
        line.and_then(|line| line.split_once(' ')).unwrap_or_default().1.to_owned()
    };
    eventually("the first one", || expiry(&server) == "2208988800");
    fs::write(files.path("pem"), "nonsense").expect("it is written");
    eventually("an error", || server.log().contains("the last one stays"));
    assert_eq!(expiry(&server), "2208988800");
    files.put(&files.authority.sign_for(&["127.0.0.1"], 2_060));
    eventually("the new one", || expiry(&server) == "2840140800");
    let (url, cacert) = (format!("https://{}", server.api), files.path("ca.pem"));
    assert_eq!(run(&["stats", "--url", &url, "--cacert", &cacert]).0, 0);
}

#[test]
fn files_that_are_no_good_are_named_before_anything_is_done() {
    let files = Files::new("tls-bad");
    fs::write(files.path("key"), Authority::new().sign().key).expect("it is written");
    let [certificate, key] = files.args();
    let (code, said) = run(&["serve", "--port=0", "--health-port=0", &certificate, &key]);
    assert_eq!(code, 1, "{said}");
    let says = format!("cannot encrypt: {}: is not the key of", files.path("key"));
    assert!(said.contains(&says), "{said}");
    assert!(!said.contains("PRIVATE"), "{said}");
}

#[test]
fn a_key_that_everybody_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;

    let files = Files::new("tls-mode");
    for (mode, is_open) in [(0o644, true), (0o640, false), (0o600, false)] {
        fs::set_permissions(files.path("key"), fs::Permissions::from_mode(mode)).expect("ours");
        let server = files.start("tls-mode", &[]);
        let log = server.log();
        assert_eq!(log.contains("all users of this machine can access the key"), is_open, "{log}");
    }
}

#[test]
fn health_checks_have_a_host_of_their_own() {
    let server = Server::start("tls-health-host", &["--health-host=127.0.0.2"]);
    assert!(server.api.starts_with("127.0.0.1:"), "{}", server.api);
    assert!(server.health.starts_with("127.0.0.2:"), "{}", server.health);
}
