//! Number of connections that the limit of open files allows.

/// Descriptors besides connections of the API: listeners, the log, the journals of data and accounts, and the files
/// that they open to rotate and to compact.
const OWN: usize = 64;
/// Segments that lagging subscribers read.
const READERS: usize = 64;
/// Connections to the health port, rejected ones included.
const HEALTH: usize = 80;

/// Raise the limit of open files as far as needed and possible, and return the number of connections that fit, so that
/// idle connections never take the descriptors that the journal needs.
pub fn allow_connections(configured: usize) -> usize {
    let needed = needed_for(configured);
    let allowed = match rlimit::increase_nofile_limit(as_limit(needed)) {
        Ok(allowed) => usize::try_from(allowed).unwrap_or(usize::MAX),
        Err(error) => {
            tracing::warn!(%error, "cannot read the limit of open files");
            return configured;
        }
    };
    let connections = max_connections(allowed).min(configured);
    if connections < configured {
        tracing::warn!(
            max_connections = connections,
            configured,
            open_files = allowed,
            "max_connections is lowered because of the limit of open files: raise that limit to at least {needed} \
             (`ulimit -n`, LimitNOFILE= of systemd), or set max_connections to at most {connections}"
        );
    }
    connections
}

fn as_limit(descriptors: usize) -> u64 {
    u64::try_from(descriptors).unwrap_or(u64::MAX)
}

/// The most rejected connections that stay open for a moment, so that their clients can read the response.
fn rejected(connections: usize) -> usize {
    (connections / 8).clamp(16, 256)
}

fn needed_for(connections: usize) -> usize {
    connections.saturating_add(rejected(connections) + OWN + READERS + HEALTH)
}

/// The most connections for this many descriptors, at least one.
fn max_connections(descriptors: usize) -> usize {
    let rest = descriptors.saturating_sub(OWN + READERS + HEALTH);
    // An eighth of the connections, within the bounds of `rejected`.
    let rejected = (rest / 9 + 1).clamp(16, 256);
    rest.saturating_sub(rejected).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_the_reserved_descriptors_free() {
        for descriptors in (256..4_096).chain([65_536, 1 << 20]) {
            let connections = max_connections(descriptors);
            assert!(needed_for(connections) <= descriptors, "{descriptors}");
            assert!(needed_for(connections + 2) > descriptors, "{descriptors}");
        }
        assert_eq!(max_connections(0), 1);
        assert_eq!(max_connections(needed_for(16_384)), 16_384);
    }
}
