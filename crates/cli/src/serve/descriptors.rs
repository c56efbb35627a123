//! How many connections the limit of open files allows.

/// Descriptors that are no connections of the API: listeners, the log, the journals of the data and of the accounts,
/// with what they open to rotate and to compact.
const OWN: usize = 64;
/// Segments that are read for subscribers that are behind.
const READERS: usize = 64;
/// Connections to the port of health checks, refused ones included.
const HEALTH: usize = 80;

/// Raise the limit of open files as far as is needed and possible, and return how many connections fit: so many that
/// idle ones can never take the descriptors that the journal needs.
pub fn allow_connections(wanted: usize) -> usize {
    let needed = needed_for(wanted);
    let allowed = match rlimit::increase_nofile_limit(as_limit(needed)) {
        Ok(allowed) => usize::try_from(allowed).unwrap_or(usize::MAX),
        Err(error) => {
            tracing::warn!(%error, "cannot find out the limit of open files");
            return wanted;
        }
    };
    let connections = fitting(allowed).min(wanted);
    if connections < wanted {
        tracing::warn!(
            max_connections = connections,
            configured = wanted,
            open_files = allowed,
            "max_connections is lowered to what the limit of open files leaves room for: raise that limit to at least \
             {needed} (`ulimit -n`, LimitNOFILE= of systemd), or set max_connections to at most {connections}"
        );
    }
    connections
}

fn as_limit(descriptors: usize) -> u64 {
    u64::try_from(descriptors).unwrap_or(u64::MAX)
}

/// Connections that are refused are kept for a moment, so that their clients read why: this many at most.
fn refused(connections: usize) -> usize {
    (connections / 8).clamp(16, 256)
}

fn needed_for(connections: usize) -> usize {
    connections.saturating_add(refused(connections) + OWN + READERS + HEALTH)
}

/// The most connections that this many descriptors are enough for, and at least one.
fn fitting(descriptors: usize) -> usize {
    let rest = descriptors.saturating_sub(OWN + READERS + HEALTH);
    // The refused ones are an eighth, but for their bounds.
    let refused = (rest / 9 + 1).clamp(16, 256);
    rest.saturating_sub(refused).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_fit_leave_their_reserve() {
        for descriptors in (256..4_096).chain([65_536, 1 << 20]) {
            let connections = fitting(descriptors);
            assert!(needed_for(connections) <= descriptors, "{descriptors}");
            assert!(needed_for(connections + 2) > descriptors, "{descriptors}");
        }
        assert_eq!(fitting(0), 1);
        assert_eq!(fitting(needed_for(16_384)), 16_384);
    }
}
