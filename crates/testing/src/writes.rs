use mainspring::{
    Action, Backend, Condition, End, PendingPut, PendingWrite, Result, Store, Trimmed, Ttl, Write,
    Written,
};

/// The result of a write without its time, to compare stores whose clocks differ.
#[derive(Debug, Clone, PartialEq)]
pub struct WriteResult<T> {
    /// The revision of the change.
    pub revision: u64,
    /// The length of the list after a push, pop, or trim; otherwise 0.
    pub length: usize,
    /// The element that a pop removed.
    pub popped: Option<T>,
    /// The number of elements that a trim removed.
    pub removed: Option<usize>,
}

impl<T> From<u64> for WriteResult<T> {
    fn from(revision: u64) -> Self {
        Self { revision, length: 0, popped: None, removed: None }
    }
}

impl<T> From<Written<T>> for WriteResult<T> {
    fn from(written: Written<T>) -> Self {
        let Written { revision, length, popped, removed, .. } = written;
        Self { revision, length, popped, removed }
    }
}

/// The results of the writes of a batch.
pub fn write_results<T>(written: Vec<Written<T>>) -> Vec<WriteResult<T>> {
    written.into_iter().map(WriteResult::from).collect()
}

/// Send a write through the method of the store for its action, not as a batch of one.
pub async fn send<T: Clone + Send + Sync + 'static, B: Backend<T>>(
    store: &Store<T, B>,
    write: Write<T>,
) -> Result<WriteResult<T>> {
    let (key, condition, ttl) = (write.key().clone(), write.condition(), write.time_to_live());
    match write.action().clone() {
        Action::Set(value) => {
            with_ttl(store.set(key, value), condition, ttl).await.map(WriteResult::from)
        }
        Action::Update(value) => {
            with_ttl(store.update(key, value), condition, ttl).await.map(WriteResult::from)
        }
        Action::Remove => with_condition(store.remove(key), condition).await.map(WriteResult::from),
        Action::Push { end, element } => {
            let push = match end {
                End::Front => store.push_front(key, element),
                End::Back => store.push(key, element),
            };
            let pushed = with_ttl(push, condition, ttl).await?;
            Ok(WriteResult { length: pushed.length, ..pushed.revision.into() })
        }
        Action::Pop { end } => {
            let pop = match end {
                End::Front => store.pop_front(key),
                End::Back => store.pop(key),
            };
            let popped = with_condition(pop, condition).await?;
            let (revision, length) = (popped.revision, popped.length);
            Ok(WriteResult { length, popped: Some(popped.element), ..revision.into() })
        }
        Action::Trim { end, keep } => {
            let trim = match end {
                End::Front => store.trim_front(key, keep),
                End::Back => store.trim(key, keep),
            };
            let Trimmed { revision, length, removed } = with_condition(trim, condition).await?;
            Ok(WriteResult { length, removed: Some(removed), ..revision.into() })
        }
        Action::Touch => match ttl {
            Ttl::After(ttl) => with_condition(store.expire(key, ttl), condition).await,
            _ => with_condition(store.persist(key), condition).await,
        }
        .map(WriteResult::from),
        other => panic!("unknown action {}", other.name()),
    }
}

fn with_condition<'a, T, A, B>(
    write: PendingWrite<'a, T, A, B>,
    condition: Condition,
) -> PendingWrite<'a, T, A, B> {
    match condition {
        Condition::IfAbsent => write.if_absent(),
        Condition::IfPresent => write.if_present(),
        Condition::IfRevision(revision) => write.if_revision(revision),
        _ => write,
    }
}

fn with_ttl<'a, T, A, B>(
    put: PendingPut<'a, T, A, B>,
    condition: Condition,
    ttl: Ttl,
) -> PendingPut<'a, T, A, B> {
    let put = match condition {
        Condition::IfAbsent => put.if_absent(),
        Condition::IfPresent => put.if_present(),
        Condition::IfRevision(revision) => put.if_revision(revision),
        _ => put,
    };
    match ttl {
        Ttl::After(ttl) => put.ttl(ttl),
        Ttl::Never => put.no_ttl(),
        _ => put,
    }
}
