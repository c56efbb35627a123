//! The decision on a write: whether it is accepted, and its effect.
//!
//! A pure function of the write, the time, and [`Facts`], a few numbers about the key instead of its value. They
//! are `Copy`, so the plan of a turn keeps them for writes that are decided and not yet applied, and no value is
//! cloned or dropped while a write is decided.

use std::time::Duration;

use crate::model::{
    Action, Change, ChangeKind, Condition, Counts, End, Error, PreparedWrite, Timestamp, Ttl, Value,
};

/// The properties of a key on which a decision depends, without its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// `Some` for a list.
    pub(crate) length: Option<usize>,
    pub(crate) revision: u64,
    pub(crate) expires_at: Option<Timestamp>,
    /// In bytes by the weigher, including the key.
    pub(crate) weight: u64,
}

impl Facts {
    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|deadline| deadline <= now)
    }
}

/// The revision and the size of the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// The newest revision.
    pub(crate) revision: u64,
    pub(crate) entries: usize,
    pub(crate) bytes: u64,
}

impl Totals {
    /// Update the totals after a change of one key.
    pub(crate) fn replace(&mut self, before: Option<Facts>, after: Option<Facts>) {
        self.entries = self.entries + usize::from(after.is_some()) - usize::from(before.is_some());
        let weight = |facts: Option<Facts>| facts.map_or(0, |facts| facts.weight);
        self.bytes = self.bytes.saturating_sub(weight(before)).saturating_add(weight(after));
    }
}

/// The limits and the default time to live of a store, as set in its builder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) default_ttl: Option<Duration>,
    pub(crate) max_entries: usize,
    pub(crate) max_bytes: u64,
    pub(crate) max_entry_bytes: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            default_ttl: None,
            max_entries: usize::MAX,
            max_bytes: u64::MAX,
            max_entry_bytes: u64::MAX,
        }
    }
}

/// The effect of an accepted write: its [`Change`] without the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Set { list: Option<usize>, expires_at: Option<Timestamp>, weight: u64 },
    Update { list: Option<usize>, expires_at: Option<Timestamp>, weight: u64 },
    Remove,
    Expire,
    Push { end: End, length: usize, expires_at: Option<Timestamp>, weight: u64 },
    Pop { end: End, length: usize },
    Trim { end: End, length: usize, removed: usize },
    Touch { expires_at: Option<Timestamp> },
}

impl Effect {
    /// The effect of a push, a pop or a trim on its list; zero for all others.
    pub(crate) fn counts<T>(&self, action: &Action<T>) -> Counts {
        let (length, removed) = match (*self, action) {
            (Self::Push { length, .. } | Self::Pop { length, .. }, _) => (length, None),
            (Self::Trim { length, removed, .. }, _) => (length, Some(removed)),
            (Self::Set { .. }, Action::Push { .. }) => (1, None),
            _ => (0, None),
        };
        Counts { length, removed }
    }

    /// The properties of the key after the effect. A pop and a trim free bytes only when they are applied, because
    /// only then is it known which elements were removed.
    pub(crate) fn after(&self, before: Option<Facts>, key: &str, revision: u64) -> Option<Facts> {
        let key_bytes = key.len() as u64;
        match *self {
            Self::Remove | Self::Expire => None,
            Self::Set { list, expires_at, weight } | Self::Update { list, expires_at, weight } => {
                Some(Facts {
                    length: list,
                    revision,
                    expires_at,
                    weight: key_bytes.saturating_add(weight),
                })
            }
            Self::Push { length, expires_at, weight, .. } => before.map(|before| Facts {
                length: Some(length),
                revision,
                expires_at,
                weight: before.weight.saturating_add(weight),
            }),
            Self::Pop { length, .. } | Self::Trim { length, .. } => {
                before.map(|before| Facts { length: Some(length), revision, ..before })
            }
            Self::Touch { expires_at } => {
                before.map(|before| Facts { revision, expires_at, ..before })
            }
        }
    }
}

/// Decides one write. `facts` describes the key of the write. It is `None` if the key is absent or expired.
///
/// The order of the checks is part of the contract: absent, kind, condition, limits.
pub(crate) fn decide<T>(
    prepared: &PreparedWrite<T>,
    facts: Option<Facts>,
    now: Timestamp,
    totals: &Totals,
    rules: &Rules,
) -> Result<Effect, Error> {
    let write = &prepared.write;
    let effect = effect_of(prepared, facts, now, rules)?;
    check_condition(write.condition(), facts)?;
    let after = effect.after(facts, &write.key, totals.revision + 1);
    check_limits(facts, after, totals, rules)?;
    Ok(effect)
}

fn effect_of<T>(
    prepared: &PreparedWrite<T>,
    facts: Option<Facts>,
    now: Timestamp,
    rules: &Rules,
) -> Result<Effect, Error> {
    let write = &prepared.write;
    let weight = prepared.weight;
    let new_deadline =
        || deadline(write.time_to_live(), rules.default_ttl.map(|ttl| now + ttl), now);
    let kept_deadline = |facts: Facts| deadline(write.time_to_live(), facts.expires_at, now);
    Ok(match &write.action {
        Action::Set(value) => {
            Effect::Set { list: list_length(value), expires_at: new_deadline(), weight }
        }
        Action::Update(value) => {
            let facts = facts.ok_or(Error::NotFound)?;
            Effect::Update { list: list_length(value), expires_at: kept_deadline(facts), weight }
        }
        Action::Remove => facts.map(|_| Effect::Remove).ok_or(Error::NotFound)?,
        Action::Push { end, .. } => match facts {
            None if write.is_not_new() => return Err(Error::NotFound),
            None => Effect::Set { list: Some(1), expires_at: new_deadline(), weight },
            Some(facts) => {
                let length = facts.length.ok_or(Error::WrongKind)? + 1;
                Effect::Push { end: *end, length, expires_at: kept_deadline(facts), weight }
            }
        },
        Action::Pop { end } => {
            let length = facts.ok_or(Error::NotFound)?.length.ok_or(Error::WrongKind)?;
            Effect::Pop { end: *end, length: length.checked_sub(1).ok_or(Error::ListEmpty)? }
        }
        Action::Trim { end, keep } => {
            let before = facts.ok_or(Error::NotFound)?.length.ok_or(Error::WrongKind)?;
            let length = before.min(*keep);
            Effect::Trim { end: *end, length, removed: before - length }
        }
        Action::Touch => Effect::Touch { expires_at: kept_deadline(facts.ok_or(Error::NotFound)?) },
    })
}

fn list_length<T>(value: &Value<T>) -> Option<usize> {
    value.list().map(<[T]>::len)
}

fn deadline(ttl: Ttl, unset: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    match ttl {
        Ttl::Unset => unset,
        Ttl::Never => None,
        Ttl::After(span) => Some(now + span),
    }
}

fn check_condition(condition: Condition, facts: Option<Facts>) -> Result<(), Error> {
    let current = facts.map(|facts| facts.revision);
    let holds = match condition {
        Condition::Any => true,
        Condition::IfAbsent => current.is_none(),
        Condition::IfPresent => current.is_some(),
        Condition::IfRevision(revision) => current == Some(revision),
    };
    if holds { Ok(()) } else { Err(Error::ConditionFailed { current }) }
}

/// The maximum number of entries, whose slot ids have 32 bits.
const MAX_ENTRIES: usize = 4_000_000_000;

/// Reject only writes that add weight, so that a store over its limit can be brought back under it.
fn check_limits(
    before: Option<Facts>,
    after: Option<Facts>,
    totals: &Totals,
    rules: &Rules,
) -> Result<(), Error> {
    let Some(after) = after else { return Ok(()) };
    let weight_before = before.map_or(0, |before| before.weight);
    if after.weight <= weight_before {
        return Ok(());
    }
    if after.weight > rules.max_entry_bytes {
        return Err(Error::TooLarge { weight: after.weight, limit: rules.max_entry_bytes });
    }
    let most = rules.max_entries.min(MAX_ENTRIES);
    if before.is_none() && totals.entries >= most {
        let limit = most as u64;
        return Err(Error::OverLimit { what: "entries", limit });
    }
    let other_bytes = totals.bytes.saturating_sub(weight_before);
    if other_bytes.saturating_add(after.weight) > rules.max_bytes {
        return Err(Error::OverLimit { what: "bytes", limit: rules.max_bytes });
    }
    Ok(())
}

/// The change of an accepted write.
pub(crate) fn change_of<T>(
    effect: Effect,
    prepared: PreparedWrite<T>,
    revision: u64,
    now: Timestamp,
) -> Change<T> {
    let PreparedWrite { write, weight, .. } = prepared;
    let kind = match (effect, write.action) {
        (Effect::Set { expires_at, .. }, Action::Set(value)) => {
            ChangeKind::Set { value, expires_at }
        }
        (Effect::Set { expires_at, .. }, Action::Push { element, .. }) => {
            ChangeKind::Set { value: Value::List(vec![element]), expires_at }
        }
        (Effect::Update { expires_at, .. }, Action::Update(value)) => {
            ChangeKind::Updated { value, expires_at }
        }
        (Effect::Push { length, expires_at, .. }, Action::Push { end, element }) => {
            ChangeKind::Pushed { end, element, length, expires_at }
        }
        (Effect::Pop { length, .. }, Action::Pop { end }) => ChangeKind::Popped { end, length },
        (Effect::Trim { length, removed, .. }, Action::Trim { end, .. }) => {
            ChangeKind::Trimmed { end, removed, length }
        }
        (Effect::Touch { expires_at }, Action::Touch) => ChangeKind::Touched { expires_at },
        (Effect::Expire, _) => ChangeKind::Expired,
        (Effect::Remove, Action::Remove) => ChangeKind::Removed,
        (effect, _) => unreachable!("{effect:?} is not an effect of this write"),
    };
    Change { weight, ..Change::new(revision, now, write.key, kind) }
}

/// The effect of a change on its key; `None` for a clear, which affects all keys.
pub(crate) fn effect_of_change<T>(change: &Change<T>) -> Option<Effect> {
    let weight = change.weight;
    Some(match &change.kind {
        ChangeKind::Set { value, expires_at } => {
            Effect::Set { list: list_length(value), expires_at: *expires_at, weight }
        }
        ChangeKind::Updated { value, expires_at } => {
            Effect::Update { list: list_length(value), expires_at: *expires_at, weight }
        }
        ChangeKind::Removed => Effect::Remove,
        ChangeKind::Expired => Effect::Expire,
        ChangeKind::Pushed { end, length, expires_at, .. } => {
            Effect::Push { end: *end, length: *length, expires_at: *expires_at, weight }
        }
        ChangeKind::Popped { end, length } => Effect::Pop { end: *end, length: *length },
        ChangeKind::Trimmed { end, removed, length } => {
            Effect::Trim { end: *end, length: *length, removed: *removed }
        }
        ChangeKind::Touched { expires_at } => Effect::Touch { expires_at: *expires_at },
        ChangeKind::Cleared { .. } => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Write;

    const NOW: Timestamp = Timestamp::from_nanos(1_000);

    fn item(revision: u64) -> Option<Facts> {
        Some(Facts { length: None, revision, expires_at: None, weight: 10 })
    }

    fn list(length: usize) -> Option<Facts> {
        Some(Facts { length: Some(length), ..item(7).unwrap() })
    }

    fn try_write(
        write: Write<String>,
        facts: Option<Facts>,
        rules: &Rules,
    ) -> Result<Effect, Error> {
        let weight = write.elements().iter().map(|element| element.len() as u64).sum();
        let totals = Totals { revision: 7, entries: 1, bytes: 10 };
        decide(&PreparedWrite { write, hash: 0, weight }, facts, NOW, &totals, rules)
    }

    fn decide_with_defaults(write: Write<String>, facts: Option<Facts>) -> Result<Effect, Error> {
        try_write(write, facts, &Rules::default())
    }

    #[test]
    fn absent_key_is_not_found() {
        for write in [
            Write::update("k", "v"),
            Write::remove("k"),
            Write::pop("k"),
            Write::persist("k"),
            Write::update("k", "v").if_revision(3), // absence is checked before the condition
        ] {
            assert_eq!(decide_with_defaults(write, None), Err(Error::NotFound));
        }
    }

    #[test]
    fn push_can_require_an_existing_list() {
        let push = || Write::push("k", "v").not_new();
        assert_eq!(decide_with_defaults(push(), None), Err(Error::NotFound));
        assert_eq!(decide_with_defaults(push().if_absent(), None), Err(Error::NotFound));
        assert_eq!(decide_with_defaults(push(), item(7)), Err(Error::WrongKind));
        assert!(matches!(
            decide_with_defaults(push(), list(1)),
            Ok(Effect::Push { length: 2, .. })
        ));
    }

    #[test]
    fn trim_counts_removed_elements() {
        let trim = |keep, length| decide_with_defaults(Write::trim("k", keep), list(length));
        let effect = |length, removed| Ok(Effect::Trim { end: End::Back, length, removed });
        assert_eq!(
            (trim(3, 5), trim(5, 5), trim(9, 5)),
            (effect(3, 2), effect(5, 0), effect(5, 0))
        );
        assert_eq!((trim(0, 5), trim(0, 0)), (effect(0, 5), effect(0, 0)));
        assert_eq!(decide_with_defaults(Write::trim("k", 1), None), Err(Error::NotFound));
        assert_eq!(decide_with_defaults(Write::trim_front("k", 1), item(7)), Err(Error::WrongKind));
    }

    #[test]
    fn kind_is_checked_before_the_condition() {
        assert_eq!(
            decide_with_defaults(Write::push("k", "v").if_absent(), item(7)),
            Err(Error::WrongKind)
        );
        assert_eq!(
            decide_with_defaults(Write::pop("k").if_revision(1), item(7)),
            Err(Error::WrongKind)
        );
        assert_eq!(
            decide_with_defaults(Write::pop("k").if_revision(1), list(0)),
            Err(Error::ListEmpty)
        );
    }

    #[test]
    fn failed_condition_has_the_current_revision() {
        let failed = |current| Err(Error::ConditionFailed { current });
        assert_eq!(
            decide_with_defaults(Write::set("k", "v").if_absent(), item(7)),
            failed(Some(7))
        );
        assert_eq!(decide_with_defaults(Write::set("k", "v").if_present(), None), failed(None));
        assert_eq!(
            decide_with_defaults(Write::set("k", "v").if_revision(6), item(7)),
            failed(Some(7))
        );
        assert_eq!(decide_with_defaults(Write::set("k", "v").if_revision(6), None), failed(None));
        assert!(decide_with_defaults(Write::set("k", "v").if_revision(7), item(7)).is_ok());
    }

    #[test]
    fn deadline_is_set_kept_or_removed() {
        let rules = Rules { default_ttl: Some(Duration::from_nanos(50)), ..Rules::default() };
        let expires_at = |effect| match effect {
            Ok(Effect::Set { expires_at, .. } | Effect::Update { expires_at, .. }) => expires_at,
            other => panic!("{other:?}"),
        };
        let old =
            Some(Facts { expires_at: Some(Timestamp::from_nanos(5_000)), ..item(7).unwrap() });
        let at = |nanos| Some(Timestamp::from_nanos(nanos));
        assert_eq!(expires_at(try_write(Write::set("k", "v"), old, &rules)), at(1_050));
        assert_eq!(expires_at(try_write(Write::set("k", "v").no_ttl(), old, &rules)), None);
        assert_eq!(expires_at(try_write(Write::update("k", "v"), old, &rules)), at(5_000));
        assert_eq!(expires_at(try_write(Write::update("k", "v").no_ttl(), old, &rules)), None);
        assert_eq!(expires_at(try_write(Write::push("k", "v"), None, &rules)), at(1_050));
        let ttl = Duration::from_nanos(9);
        assert_eq!(expires_at(try_write(Write::update("k", "v").ttl(ttl), old, &rules)), at(1_009));
    }

    #[test]
    fn limits_are_checked_last_and_reject_only_growth() {
        let rules = Rules { max_entry_bytes: 12, ..Rules::default() };
        let twelve = "v".repeat(12);
        assert_eq!(
            try_write(Write::set("k", &*twelve), None, &rules),
            Err(Error::TooLarge { weight: 13, limit: 12 })
        );
        assert!(matches!(
            try_write(Write::set("k", &*twelve).if_absent(), item(7), &rules),
            Err(Error::ConditionFailed { .. })
        ));
        let full = Rules { max_entries: 1, max_bytes: 5, ..Rules::default() };
        assert_eq!(
            try_write(Write::set("j", "v"), None, &full),
            Err(Error::OverLimit { what: "entries", limit: 1 })
        );
        assert!(
            try_write(Write::set("k", "12345678"), item(7), &full).is_ok(),
            "the entry gets smaller"
        );
        assert_eq!(
            try_write(Write::set("k", "1234567890"), item(7), &full),
            Err(Error::OverLimit { what: "bytes", limit: 5 })
        );
    }
}
