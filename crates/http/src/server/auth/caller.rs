//! The caller of a request, and what it may do.

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
use crate::server::answer::Failure;
use crate::server::app::App;
use crate::server::extract::header;

/// The caller of a request; without accounts, it may do everything.
#[derive(Debug, Clone, Default)]
pub(in crate::server) struct Caller(Option<Grant>);

impl Caller {
    /// Authenticate the caller, once per request.
    pub(in crate::server) fn of<T>(
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

    /// # Errors
    ///
    /// If its role does not include this right.
    pub(in crate::server) fn needs(&self, right: Right) -> Result<(), Failure> {
        self.0.as_ref().map_or(Ok(()), |grant| Ok(grant.require(right)?))
    }

    /// # Errors
    ///
    /// If it may not touch this key, whether it is there or not.
    pub(in crate::server) fn require_key(&self, key: &str) -> Result<(), Failure> {
        self.0.as_ref().map_or(Ok(()), |grant| Ok(grant.require_key(key)?))
    }

    /// The keys that are asked for, as far as they are allowed.
    pub(in crate::server) fn narrow<'a>(
        &self,
        asked: Cow<'a, str>,
    ) -> Result<Cow<'a, str>, Failure> {
        let Some(grant) = &self.0 else { return Ok(asked) };
        let narrow = grant.narrow(&asked)?;
        Ok(if narrow == asked { asked } else { Cow::Owned(narrow.to_owned()) })
    }

    /// Whether there are keys that it may not touch.
    pub(in crate::server) fn is_limited(&self) -> bool {
        self.0.as_ref().is_some_and(|grant| grant.access().prefix.is_some())
    }

    /// A future that is ready when it may not do any more what it may do now.
    ///
    /// # Errors
    ///
    /// If that is so already.
    pub(in crate::server) async fn ending(&self, auth: Option<&Auth>) -> Result<Ending, Failure> {
        Ok(match auth.cloned().zip(self.0.clone()) {
            Some((auth, grant)) => Box::pin(auth.ending(grant).await?),
            None => Box::pin(std::future::pending()),
        })
    }

    /// Keep who and what, until it is known whether it was done.
    pub(in crate::server) fn note<T>(&self, write: &Write<T>) -> Note {
        let note = |grant: &Grant| (grant.clone(), write.action().name(), write.key().clone());
        Note(self.0.as_ref().map(note))
    }

    /// The same of what is about no key.
    pub(in crate::server) fn note_of(&self, what: &'static str) -> Note {
        Note(self.0.as_ref().map(|grant| (grant.clone(), what, Key::from(""))))
    }
}

/// Ready when a right ends.
pub(in crate::server) type Ending = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What goes into the audit log when it is known how it ended, or that nobody waits for that any more.
pub(in crate::server) struct Note(Option<(Grant, &'static str, Key)>);

impl Note {
    /// It was done, as this revision; or nothing has happened, and there is nothing to tell; or nobody knows.
    pub(in crate::server) fn ended<E: Borrow<Problem>>(mut self, result: Result<u64, E>) {
        let told = match result {
            Ok(revision) => Some(revision),
            Err(problem) if problem.borrow().is_certain() => {
                self.0 = None;
                return;
            }
            Err(_) => None,
        };
        self.tell(told);
    }

    fn tell(&mut self, revision: Option<u64>) {
        if let Some((grant, what, key)) = self.0.take() {
            let (account, known) = (grant.account(), revision.is_some());
            tracing::info!(target: "mainspring::audit", account, what, key = &*key, revision, known, "changed");
        }
    }
}

/// Whoever asked has left: the write may have been done.
impl Drop for Note {
    fn drop(&mut self) {
        self.tell(None);
    }
}

/// The state of the server, and the caller, whose right to the operation has been checked.
pub(in crate::server) struct Context<T>(
    pub(in crate::server) Arc<App<T>>,
    pub(in crate::server) Caller,
);

impl<T: Send + Sync + 'static> FromRequestParts<Arc<App<T>>> for Context<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App<T>>) -> Result<Self, Failure> {
        let caller = Caller::of(&parts.headers, &mut parts.extensions, app)?;
        Ok(Self(Arc::clone(app), caller))
    }
}

/// The accounts, and the caller's grant.
pub(in crate::server) struct Account(pub(super) Auth, pub(super) Grant);

impl<T: Send + Sync + 'static> FromRequestParts<Arc<App<T>>> for Account {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App<T>>) -> Result<Self, Failure> {
        let caller = Caller::of(&parts.headers, &mut parts.extensions, app)?;
        let (auth, grant) =
            app.options.auth.clone().zip(caller.0).ok_or_else(Failure::nothing_here)?;
        Ok(Self(auth, grant))
    }
}

/// The accounts.
pub(in crate::server) struct Accounts(pub(super) Auth);

impl<T: Send + Sync + 'static> FromRequestParts<Arc<App<T>>> for Accounts {
    type Rejection = Failure;

    async fn from_request_parts(_: &mut Parts, app: &Arc<App<T>>) -> Result<Self, Failure> {
        app.options.auth.clone().map(Self).ok_or_else(Failure::nothing_here)
    }
}
