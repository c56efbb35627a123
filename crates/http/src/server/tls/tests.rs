use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use mainspring_testing::certificates::{Authority, Pair as Signed};

use super::*;

/// A directory for one test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("mainspring-tls-{name}-{}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn pair(&self, pair: &Signed) -> (PathBuf, PathBuf) {
        (self.file("server.pem", &pair.certificate), self.file("server.key", &pair.key))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn certificate(tls: &Tls) -> Vec<u8> {
    tls.source.pair.read().certified.cert[0].to_vec()
}

#[test]
fn error_names_the_file_and_the_reason() {
    let folder = Folder::new("wrong");
    let authority = Authority::new();
    let (one, other) = (authority.sign(), authority.sign());
    let (pem, key) = folder.pair(&one);
    let other_key = folder.file("other.key", &other.key);
    let der = folder.file("server.der", one.der());
    let cut = folder.file("cut.pem", &one.certificate[..200]);
    let cut_key = folder.file("cut.key", &one.key[..100]);
    let encrypted = folder.file("encrypted.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n");
    let missing = folder.0.join("missing");
    Tls::from_files(&pem, &key).unwrap();
    for (certificate, private, at, reason) in [
        (&missing, &key, &missing, "cannot be read"),
        (&pem, &missing, &missing, "check the path and the permissions"),
        (&key, &pem, &key, "are the two files swapped?"),
        (&der, &key, &der, "-----BEGIN CERTIFICATE-----"),
        (&cut, &key, &cut, "contains an incomplete certificate"),
        (&pem, &pem, &pem, "are the two files swapped?"),
        (&pem, &der, &der, "-----BEGIN PRIVATE KEY-----"),
        (&pem, &cut_key, &cut_key, "contains no key"),
        (&pem, &encrypted, &encrypted, "decrypt it with `openssl pkey`"),
        (&pem, &other_key, &other_key, "does not match the first certificate in"),
    ] {
        let error = Tls::from_files(certificate, private).unwrap_err();
        assert_eq!(error.file(), at);
        assert!(error.to_string().contains(reason), "{error}");
        let secret = one.key.lines().nth(1).unwrap();
        assert!(!error.to_string().contains(&secret[..16]), "{error}");
    }
}

#[test]
fn debug_output_hides_the_key() {
    let folder = Folder::new("debug");
    let pair = Authority::new().sign();
    let (pem, key) = folder.pair(&pair);
    let tls = Tls::from_files(pem, key).unwrap();
    let text = format!("{tls:?} {:?}", tls.config);
    assert!(text.contains("server.key"), "{text}");
    for line in pair.key.lines().skip(1) {
        assert!(!text.contains(line), "{text}");
    }
}

#[test]
fn last_valid_pair_remains_in_use() {
    let folder = Folder::new("reload");
    let authority = Authority::new();
    let (one, other) = (authority.sign(), authority.sign());
    let (pem, key) = folder.pair(&one);
    let tls = Tls::from_files(&pem, &key).unwrap();
    assert_eq!(tls.source.reload(), Ok(false));
    assert_eq!(certificate(&tls), one.der().to_vec());

    fs::write(&pem, &other.certificate).unwrap();
    assert_eq!(tls.source.reload().unwrap_err().file(), key);
    fs::write(&pem, "").unwrap();
    assert_eq!(tls.source.reload().unwrap_err().file(), pem);
    fs::remove_file(&pem).unwrap();
    assert_eq!(tls.source.reload().unwrap_err().file(), pem);
    assert_eq!(certificate(&tls), one.der().to_vec());

    folder.pair(&other);
    assert_eq!(tls.source.reload(), Ok(true));
    assert_eq!(tls.source.reload(), Ok(false));
    assert_eq!(certificate(&tls), other.der().to_vec());
}

/// As in Kubernetes: the files are links into a linked directory, and that link is replaced.
#[cfg(unix)]
#[test]
fn replaced_link_in_the_path_is_detected() {
    use std::os::unix::fs::symlink;

    let folder = Folder::new("links");
    let authority = Authority::new();
    let (one, other) = (authority.sign(), authority.sign());
    let write = |name: &str, pair: &Signed| {
        let path = folder.0.join(name);
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("tls.crt"), &pair.certificate).unwrap();
        fs::write(path.join("tls.key"), &pair.key).unwrap();
        // The same time for both, so that only the contents differ.
        for file in ["tls.crt", "tls.key"] {
            let file = fs::File::options().write(true).open(path.join(file)).unwrap();
            file.set_modified(std::time::UNIX_EPOCH).unwrap();
        }
    };
    write("..one", &one);
    write("..other", &other);
    let data = folder.0.join("..data");
    symlink("..one", &data).unwrap();
    for file in ["tls.crt", "tls.key"] {
        symlink(Path::new("..data").join(file), folder.0.join(file)).unwrap();
    }
    let tls = Tls::from_files(folder.0.join("tls.crt"), folder.0.join("tls.key")).unwrap();
    symlink("..other", folder.0.join("..new")).unwrap();
    fs::rename(folder.0.join("..new"), &data).unwrap();
    assert_eq!(tls.source.reload(), Ok(true));
    assert_eq!(certificate(&tls), other.der().to_vec());
}

#[test]
fn expiry_of_the_certificate_is_read() {
    let folder = Folder::new("expiry");
    for (year, seconds) in [(2_040, 2_208_988_800), (2_060, 2_840_140_800)] {
        let pair = Authority::new().sign_for(&["localhost"], year);
        let (pem, key) = folder.pair(&pair);
        let tls = Tls::from_files(pem, key).unwrap();
        assert_eq!(tls.source.pair.read().expires, Some(seconds));
    }
}
