//! Whether the listening address is safe without authentication and TLS.

use std::net::IpAddr;

/// The settings that decide.
#[derive(Debug, Clone, Copy)]
pub struct Exposure {
    pub host: IpAddr,
    pub has_authentication: bool,
    pub has_tls: bool,
    pub insecure_without_authentication: bool,
    pub insecure_without_tls: bool,
}

impl Exposure {
    /// Return what is unsafe and was not waived explicitly. The loopback address is safe: local users have full access
    /// anyway.
    pub fn problems(self) -> Vec<String> {
        let Self { host, .. } = self;
        if host.to_canonical().is_loopback() {
            return Vec::new();
        }
        let mut problems = Vec::new();
        if !self.has_authentication && !self.insecure_without_authentication {
            problems.push(format!(
                "{host} is reachable from other machines, and authentication is off: listen on the loopback address \
                 (--host 127.0.0.1), enable authentication (AUTH_ENABLED=true), or waive it with \
                 --insecure-without-authentication, so that every client can read and change everything"
            ));
        }
        if !self.has_tls && !self.insecure_without_tls {
            problems.push(format!(
                "{host} is reachable from other machines, and TLS is off, so traffic can be read and changed: listen on \
                 the loopback address (--host 127.0.0.1), enable TLS (--tls-cert and --tls-key), or waive it with \
                 --insecure-without-tls if the network is trusted or a proxy terminates TLS"
            ));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The problems, each as the flag that waives it.
    fn missing(host: &str, [auth, tls]: [bool; 2], [no_auth, no_tls]: [bool; 2]) -> Vec<&str> {
        let exposure = Exposure {
            host: host.parse().unwrap(),
            has_authentication: auth,
            has_tls: tls,
            insecure_without_authentication: no_auth,
            insecure_without_tls: no_tls,
        };
        let problems = exposure.problems();
        let flags = ["--insecure-without-authentication", "--insecure-without-tls"];
        let named = flags.into_iter().filter(|flag| problems.iter().any(|p| p.contains(flag)));
        let named: Vec<_> = named.collect();
        assert_eq!(named.len(), problems.len());
        named
    }

    #[test]
    fn address_other_than_loopback_needs_authentication_and_tls() {
        let (no, yes) = ([false, false], [true, true]);
        for host in ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"] {
            assert!(missing(host, no, no).is_empty(), "{host}");
        }
        let (auth, tls) = ("--insecure-without-authentication", "--insecure-without-tls");
        for host in ["0.0.0.0", "::", "192.168.0.2", "10.0.0.1", "203.0.113.7", "fe80::1"] {
            for (has, insecure, expected) in [
                (no, no, &[auth, tls][..]),
                ([true, false], no, &[tls]),
                ([false, true], no, &[auth]),
                (yes, no, &[]),
                (no, [true, false], &[tls]),
                (no, [false, true], &[auth]),
                (no, yes, &[]),
                // A flag waives only its own problem.
                ([true, false], [true, false], &[tls]),
                ([false, true], [false, true], &[auth]),
                ([true, false], [false, true], &[]),
                ([false, true], [true, false], &[]),
                (yes, yes, &[]),
            ] {
                assert_eq!(missing(host, has, insecure), expected, "{host} {has:?} {insecure:?}");
            }
        }
    }
}
