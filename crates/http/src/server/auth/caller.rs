//! The caller of a request, its rights, and the audit of its writes.

use std::borrow::{Borrow, Cow};
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};
use mainspring::{Key, Write};

use crate::auth::{Auth, Grant, Right};
use crate::protocol::Problem;
use crate::server::app::App;
use crate::server::extract::header;
use crate::server::response::Failure;

/// The caller of a request. Without accounts, it has all rights.
#[derive(Debug, Clone, Default)]
pub(in crate::server) struct Caller(Option<Grant>);

impl Caller {
    /// Authenticates the caller, once per request.
    pub(in crate::server) fn authenticate<T>(
        headers: &HeaderMap,
        extensions: &mut Extensions,
        app: &App<T>,
    ) -> Result<Self, Failure> {
        let Some(auth) = &app.options.auth else { return Ok(Self(None)) };
        if let Some(caller) = extensions.get::<Self>() {
            return Ok(caller.clone());
        }
        let authorization = header(headers, &AUTHORIZATION).unwrap_or_default();
        let caller = Self(Some(auth.authenticate(authorization)?));
        extensions.insert(caller.clone());
        Ok(caller)
    }

    /// Checks a right.
    ///
    /// # Errors
    ///
    /// If the access of the caller does not include this right.
    pub(in crate::server) fn require(&self, right: Right) -> Result<(), Failure> {
        self.0.as_ref().map_or(Ok(()), |grant| Ok(grant.require(right)?))
    }

    /// Checks a key.
    ///
    /// # Errors
    ///
    /// If the caller may not access this key, whether it is present or not.
    pub(in crate::server) fn require_key(&self, key: &str) -> Result<(), Failure> {
        self.0.as_ref().map_or(Ok(()), |grant| Ok(grant.require_key(key)?))
    }

    /// Returns the part of the requested prefix that is allowed.
    pub(in crate::server) fn narrow<'a>(
        &self,
        requested: Cow<'a, str>,
    ) -> Result<Cow<'a, str>, Failure> {
        let Some(grant) = &self.0 else { return Ok(requested) };
        let narrow = grant.narrow(&requested)?;
        Ok(if narrow == requested { requested } else { Cow::Owned(narrow.to_owned()) })
    }

    /// Whether the caller is restricted to a prefix.
    pub(in crate::server) fn is_restricted(&self) -> bool {
        self.0.as_ref().is_some_and(|grant| grant.access().prefix.is_some())
    }

    /// Returns a future that completes when the rights of the caller change or end.
    ///
    /// # Errors
    ///
    /// If they already have.
    pub(in crate::server) async fn ending(&self, auth: Option<&Auth>) -> Result<Ending, Failure> {
        Ok(match auth.cloned().zip(self.0.clone()) {
            Some((auth, grant)) => Box::pin(auth.ending(grant).await?),
            None => Box::pin(std::future::pending()),
        })
    }

    /// Begins the audit record of a write.
    pub(in crate::server) fn audit_write<T>(&self, write: &Write<T>) -> AuditRecord {
        let record = |grant: &Grant| (grant.clone(), write.action().name(), write.key().clone());
        AuditRecord(self.0.as_ref().map(record))
    }

    /// Begins the audit record of an operation without a key.
    pub(in crate::server) fn audit_operation(&self, what: &'static str) -> AuditRecord {
        AuditRecord(self.0.as_ref().map(|grant| (grant.clone(), what, Key::from(""))))
    }
}

/// A future that completes when a right ends.
pub(in crate::server) type Ending = Pin<Box<dyn Future<Output = ()> + Send>>;

/// An audit record, which is written when the result is known, or when it is dropped because the client has disconnected.
pub(in crate::server) struct AuditRecord(Option<(Grant, &'static str, Key)>);

impl AuditRecord {
    /// Writes the record with the revision of the change. Writes nothing if the operation has certainly changed nothing,
    /// and no revision if that is unknown.
    pub(in crate::server) fn finish<E: Borrow<Problem>>(mut self, result: Result<u64, E>) {
        let revision = match result {
            Ok(revision) => Some(revision),
            Err(problem) if problem.borrow().is_certain() => {
                self.0 = None;
                return;
            }
            Err(_) => None,
        };
        self.write(revision);
    }

    fn write(&mut self, revision: Option<u64>) {
        if let Some((grant, what, key)) = self.0.take() {
            let (account, known) = (grant.account(), revision.is_some());
            tracing::info!(target: "mainspring::audit", account, what, key = &*key, revision, known, "changed");
        }
    }
}

/// Writes the record if there was no result: the client has disconnected, and the write may have been applied.
impl Drop for AuditRecord {
    fn drop(&mut self) {
        self.write(None);
    }
}

/// The state of the server, and the authenticated caller. The right to the operation has been checked before.
pub(in crate::server) struct Context<T>(
    pub(in crate::server) Arc<App<T>>,
    pub(in crate::server) Caller,
);

impl<T: Send + Sync + 'static> FromRequestParts<Arc<App<T>>> for Context<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App<T>>) -> Result<Self, Failure> {
        let caller = Caller::authenticate(&parts.headers, &mut parts.extensions, app)?;
        Ok(Self(Arc::clone(app), caller))
    }
}

/// The accounts, and the grant of the caller.
pub(in crate::server) struct CallerAccount(pub(super) Auth, pub(super) Grant);

impl<T: Send + Sync + 'static> FromRequestParts<Arc<App<T>>> for CallerAccount {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App<T>>) -> Result<Self, Failure> {
        let caller = Caller::authenticate(&parts.headers, &mut parts.extensions, app)?;
        let (auth, grant) =
            app.options.auth.clone().zip(caller.0).ok_or_else(Failure::unknown_path)?;
        Ok(Self(auth, grant))
    }
}

/// The accounts.
pub(in crate::server) struct Accounts(pub(super) Auth);

impl<T: Send + Sync + 'static> FromRequestParts<Arc<App<T>>> for Accounts {
    type Rejection = Failure;

    async fn from_request_parts(_: &mut Parts, app: &Arc<App<T>>) -> Result<Self, Failure> {
        app.options.auth.clone().map(Self).ok_or_else(Failure::unknown_path)
    }
}
