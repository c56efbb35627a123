//! `serve --tls-cert --tls-key`, and commands that connect to it.

use std::fs;
use std::path::PathBuf;

use mainspring_testing::certificates::{Authority, Pair};

use super::process::{Server, fresh, mainspring, request, run, wait_until};

/// A certificate authority and the files of a certificate that it signed.
struct Files {
    authority: Authority,
    directory: PathBuf,
}

impl Files {
    fn new(name: &str) -> Self {
        let directory = fresh(name);
        fs::create_dir_all(&directory).expect("the directory is writable");
        let files = Self { authority: Authority::new(), directory };
        fs::write(files.path("ca.pem"), files.authority.pem()).expect("the file is writable");
        files.write(&files.authority.sign());
        files
    }

    fn write(&self, pair: &Pair) {
        fs::write(self.path("pem"), &pair.certificate).expect("the file is writable");
        fs::write(self.path("key"), &pair.key).expect("the file is writable");
    }

    fn path(&self, name: &str) -> String {
        self.directory.join(name).to_str().expect("UTF-8").to_owned()
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
fn commands_connect_only_to_trusted_servers() {
    let files = Files::new("tls-commands");
    let server = files.start("tls-commands", &[]);
    let url = format!("https://{}", server.api);
    assert!(server.log().contains(&format!("api={url}")), "{}", server.log());

    let cacert = files.path("ca.pem");
    let to = ["--url", &url, "--cacert", &cacert];
    assert_eq!(run(&[&["set", "k", "v"], &to[..]].concat()), (0, "1\n".to_owned()));
    assert_eq!(run(&[&to[..], &["get", "k"]].concat()), (0, "v\n".to_owned()));
    let mut command = mainspring(&["get", "k", "--url", &url]);
    let result = command.env("MAINSPRING_CACERT", &cacert).output().expect("the program runs");
    assert_eq!(result.stdout, b"v\n");

    // The system does not trust this authority.
    let (code, output) = run(&["get", "k", "--url", &url]);
    assert!([2, 8].contains(&code) && output.contains("--cacert"), "{code}: {output}");
    let (code, output) = run(&["get", "k", "--url", &url, "--cacert", "no/such/file"]);
    assert_eq!(code, 2, "{output}");
    assert!(output.contains("--cacert no/such/file: cannot read the file"), "{output}");
    let (code, output) = run(&["get", "k", "--url", &url, "--cacert", &files.path("key")]);
    assert_eq!(code, 2, "{output}");
    let (code, output) = run(&["get", "k", "--url", &format!("http://{}", server.api)]);
    assert!(code != 0 && output.contains("use https:// in the URL"), "{output}");

    assert_eq!(request(&server.api, "GET", "/stats", "", "").status, 400);
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
fn renewed_certificate_is_used_without_a_restart() {
    let files = Files::new("tls-renewed");
    let server = files.start("tls-renewed", &["--tls-check-interval=20ms"]);
    let expiry = |server: &Server| {
        let metrics = server.check("/metrics").body;
        let line = metrics.lines().find(|l| l.starts_with("mainspring_tls_certificate_expiry"));
        line.and_then(|line| line.split_once(' ')).unwrap_or_default().1.to_owned()
    };
    wait_until("the first certificate", || expiry(&server) == "2208988800");
    fs::write(files.path("pem"), "nonsense").expect("the file is writable");
    wait_until("the error is logged", || server.log().contains("the last one remains in use"));
    assert_eq!(expiry(&server), "2208988800");
    files.write(&files.authority.sign_for(&["127.0.0.1"], 2_060));
    wait_until("the new certificate", || expiry(&server) == "2840140800");
    let (url, cacert) = (format!("https://{}", server.api), files.path("ca.pem"));
    assert_eq!(run(&["stats", "--url", &url, "--cacert", &cacert]).0, 0);
}

#[test]
fn invalid_certificate_files_are_reported_at_startup() {
    let files = Files::new("tls-bad");
    fs::write(files.path("key"), Authority::new().sign().key).expect("the file is writable");
    let [certificate, key] = files.args();
    let (code, output) = run(&["serve", "--port=0", "--health-port=0", &certificate, &key]);
    assert_eq!(code, 1, "{output}");
    let error = format!(
        "cannot enable TLS: {}: does not match the first certificate in",
        files.path("key")
    );
    assert!(output.contains(&error), "{output}");
    assert!(!output.contains("PRIVATE"), "{output}");
}

#[test]
fn readable_key_causes_a_warning() {
    use std::os::unix::fs::PermissionsExt;

    let files = Files::new("tls-mode");
    for (mode, is_open) in [(0o644, true), (0o640, false), (0o600, false)] {
        fs::set_permissions(files.path("key"), fs::Permissions::from_mode(mode))
            .expect("this user owns it");
        let server = files.start("tls-mode", &[]);
        let log = server.log();
        assert_eq!(log.contains("all users of this machine can access the key"), is_open, "{log}");
    }
}

#[test]
fn health_checks_listen_on_their_own_host() {
    let server = Server::start("tls-health-host", &["--health-host=127.0.0.2"]);
    assert!(server.api.starts_with("127.0.0.1:"), "{}", server.api);
    assert!(server.health.starts_with("127.0.0.2:"), "{}", server.health);
}
