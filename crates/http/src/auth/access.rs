//! Roles, rights, and the access of an account or a token.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The role of an account. Each role includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub enum Role {
    /// Reads entries and subscribes to changes.
    Reader,
    /// Changes entries, and clears the store unless restricted to a prefix.
    Writer,
    /// Manages accounts, signing keys and the journal.
    Admin,
}

impl Role {
    /// Returns its name: `reader`, `writer` or `admin`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Writer => "writer",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Reader, Self::Writer, Self::Admin]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| format!("unknown role {text:?}; expected reader, writer or admin"))
    }
}

/// The right that an operation requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// None: the caller may be unauthenticated.
    None,
    /// Have an account.
    Account,
    /// Read keys.
    Read,
    /// Change keys.
    Write,
    /// Read information about the store as a whole.
    ReadAll,
    /// Change the store as a whole.
    WriteAll,
    /// Manage accounts and the server.
    Admin,
}

/// A role, for all keys or for those with a prefix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Access {
    /// The role.
    pub role: Role,
    /// Restricts the role to keys with this prefix; all keys if absent. Not allowed for an administrator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "server", schema(min_length = 1, max_length = 1024, nullable = false))]
    pub prefix: Option<String>,
}

impl Access {
    /// Creates an access to all keys.
    pub fn new(role: Role) -> Self {
        Self { role, prefix: None }
    }

    /// Restricts the access to keys with this prefix. An empty prefix means all keys.
    pub fn within(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into()).filter(|prefix| !prefix.is_empty());
        self
    }
}

#[cfg(feature = "server")]
impl Access {
    pub(crate) fn allows(&self, right: Right) -> bool {
        let (role, unrestricted) = (self.role, self.prefix.is_none());
        match right {
            Right::None | Right::Account | Right::Read => true,
            Right::Write => role >= Role::Writer,
            Right::ReadAll => unrestricted,
            Right::WriteAll => unrestricted && role >= Role::Writer,
            Right::Admin => unrestricted && role >= Role::Admin,
        }
    }

    pub(crate) fn covers(&self, key: &str) -> bool {
        self.prefix.as_deref().is_none_or(|prefix| key.starts_with(prefix))
    }

    /// Returns the part of the requested prefix that is allowed; `None` if no key of it is.
    pub(crate) fn narrow<'a>(&'a self, requested: &'a str) -> Option<&'a str> {
        match self.prefix.as_deref() {
            None => Some(requested),
            Some(prefix) if requested.starts_with(prefix) => Some(requested),
            Some(prefix) if prefix.starts_with(requested) => Some(prefix),
            Some(_) => None,
        }
    }

    /// Returns the intersection of both; `None` if they have no key in common.
    pub(crate) fn and(&self, other: &Self) -> Option<Self> {
        let role = self.role.min(other.role);
        let prefix = match &other.prefix {
            None => self.prefix.clone(),
            Some(prefix) => Some(self.narrow(prefix)?.to_owned()),
        };
        Some(Self { role, prefix })
    }

    pub(crate) fn validate(&self) -> Result<(), &'static str> {
        if self.role == Role::Admin && self.prefix.is_some() {
            return Err(
                "an admin cannot be restricted to a prefix, because it can create accounts without one",
            );
        }
        if self.prefix.as_ref().is_some_and(|prefix| prefix.is_empty() || prefix.len() > 1_024) {
            return Err("a prefix has 1 to 1024 bytes");
        }
        Ok(())
    }
}

#[cfg(all(test, feature = "server"))]
mod tests {
    use super::*;

    #[test]
    fn role_and_prefix_determine_rights() {
        use Right::{Admin, Read, ReadAll, Write, WriteAll};
        let rights = [Read, Write, ReadAll, WriteAll, Admin];
        for (access, allowed) in [
            (Access::new(Role::Reader), [true, false, true, false, false]),
            (Access::new(Role::Writer), [true, true, true, true, false]),
            (Access::new(Role::Admin), [true, true, true, true, true]),
            (Access::new(Role::Reader).within("car/"), [true, false, false, false, false]),
            (Access::new(Role::Writer).within("car/"), [true, true, false, false, false]),
        ] {
            assert_eq!(rights.map(|right| access.allows(right)), allowed, "{access:?}");
        }
    }

    #[test]
    fn requested_prefix_is_narrowed_to_the_allowed_one() {
        let car = Access::new(Role::Reader).within("car/");
        assert_eq!(car.narrow(""), Some("car/"));
        assert_eq!(car.narrow("c"), Some("car/"));
        assert_eq!(car.narrow("car/wheel"), Some("car/wheel"));
        assert_eq!(car.narrow("cart"), None);
        assert_eq!(Access::new(Role::Reader).narrow("x"), Some("x"));
        assert!(car.covers("car/speed") && !car.covers("car") && !car.covers("plane"));
    }

    #[test]
    fn intersection_allows_only_what_both_allow() {
        let car = Access::new(Role::Writer).within("car/");
        let wheel = Access::new(Role::Reader).within("car/wheel");
        assert_eq!(car.and(&wheel), Some(wheel.clone()));
        assert_eq!(wheel.and(&car), Some(wheel.clone()));
        assert_eq!(car.and(&Access::new(Role::Reader).within("plane/")), None);
        assert_eq!(car.and(&Access::new(Role::Admin)), Some(car.clone()));
    }
}
