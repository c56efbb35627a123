//! Who can reach a server, and whether that is safe: the rule, and how it is said.

use std::net::IpAddr;

/// What the rule looks at.
#[derive(Debug, Clone, Copy)]
pub struct Exposure {
    pub host: IpAddr,
    pub has_authentication: bool,
    pub has_tls: bool,
    pub insecure_without_authentication: bool,
    pub insecure_without_tls: bool,
}

impl Exposure {
    /// What is not safe and was not asked for in so many words. Whoever is on this machine may do everything anyway.
    pub fn problems(self) -> Vec<String> {
        let Self { host, .. } = self;
        if host.to_canonical().is_loopback() {
            return Vec::new();
        }
        let mut problems = Vec::new();
        if !self.has_authentication && !self.insecure_without_authentication {
            problems.push(format!(
                "other machines can reach {host}, and nobody is asked who they are. Stay on this machine (--host \
                 127.0.0.1), or ask everybody (AUTH_ENABLED=true), or say --insecure-without-authentication if \
                 whoever reaches the port may read and change everything"
            ));
        }
        if !self.has_tls && !self.insecure_without_tls {
            problems.push(format!(
                "other machines can reach {host}, and what is sent can be read and changed on its way. Stay on this \
                 machine (--host 127.0.0.1), or encrypt (--tls-cert and --tls-key), or say --insecure-without-tls if \
                 the network is to be trusted, or something in front of the server encrypts"
            ));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is missing, by the flag that allows it.
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
    fn only_this_machine_is_safe_by_itself() {
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
                // A flag for the one is none for the other.
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
