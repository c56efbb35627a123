//! Who asks, and the store as far as they may use it.
//!
//! Handlers get at the store only through an extractor that names the right that they need, so none can forget to ask.

use std::borrow::{Borrow, Cow};
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use crate::auth::{Auth, Grant, Right};
use crate::http::answer::Failure;
use crate::http::app::App;
use crate::http::extract::header;
use crate::wire::Problem;
use crate::{Key, Write};

/// Who asks. Anybody, where nobody is asked who they are.
#[derive(Debug, Clone, Default)]
pub(in crate::http) struct Caller(Option<Grant>);

impl Caller {
    /// Who it is, which is found out once a request.
    pub(in crate::http) fn of<T>(parts: &mut Parts, app: &App<T>) -> Result<Self, Failure> {
        let Some(auth) = &app.options.auth else { return Ok(Self(None)) };
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let authorization = header(&parts.headers, &AUTHORIZATION).unwrap_or_default();
        let caller = Self(Some(auth.authenticate(authorization)?));
        parts.extensions.insert(caller.clone());
        Ok(caller)
    }

    fn needs(&self, right: Right) -> Result<(), Failure> {
        self.0.as_ref().map_or(Ok(()), |grant| Ok(grant.needs(right)?))
    }

    /// # Errors
    ///
    /// If it may not touch this key, whether it is there or not.
    pub(in crate::http) fn needs_key(&self, key: &str) -> Result<(), Failure> {
        self.0.as_ref().map_or(Ok(()), |grant| Ok(grant.needs_key(key)?))
    }

    /// The keys that are asked for, as far as they are allowed.
    pub(in crate::http) fn narrow<'a>(&self, asked: Cow<'a, str>) -> Result<Cow<'a, str>, Failure> {
        let Some(grant) = &self.0 else { return Ok(asked) };
        let narrow = grant.narrow(&asked)?;
        Ok(if narrow == asked { asked } else { Cow::Owned(narrow.to_owned()) })
    }

    /// Whether there are keys that it may not touch.
    pub(in crate::http) fn is_limited(&self) -> bool {
        self.0.as_ref().is_some_and(|grant| grant.access().prefix.is_some())
    }

    /// A future that is ready when it may not do any more what it may do now.
    ///
    /// # Errors
    ///
    /// If that is so already.
    pub(in crate::http) async fn ending(&self, auth: Option<&Auth>) -> Result<Ending, Failure> {
        Ok(match auth.cloned().zip(self.0.clone()) {
            Some((auth, grant)) => Box::pin(auth.ending(grant).await?),
            None => Box::pin(std::future::pending()),
        })
    }

    /// Keep who and what, until it is known whether it was done.
    pub(in crate::http) fn note<T>(&self, write: &Write<T>) -> Note {
        let note = |grant: &Grant| (grant.clone(), write.action().name(), write.key().clone());
        Note(self.0.as_ref().map(note))
    }

    /// The same of what is about no key.
    pub(in crate::http) fn note_of(&self, what: &'static str) -> Note {
        Note(self.0.as_ref().map(|grant| (grant.clone(), what, Key::none())))
    }
}

/// Ready when a right ends.
pub(in crate::http) type Ending = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What goes into the audit log when it is known how it ended, or that nobody waits for that any more.
pub(in crate::http) struct Note(Option<(Grant, &'static str, Key)>);

impl Note {
    /// It was done, as this revision; or nothing has happened, and there is nothing to tell; or nobody knows.
    pub(in crate::http) fn ended<E: Borrow<Problem>>(mut self, result: Result<u64, E>) {
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

/// Extractors: the state of the handlers, for those who have a right to it.
macro_rules! rights {
    ($($(#[doc = $doc:literal])+ $name:ident($right:ident);)+) => {$(
        $(#[doc = $doc])+
        #[allow(dead_code, reason = "not every handler has to know who it is")]
        pub(in crate::http) struct $name<T>(pub(in crate::http) Arc<App<T>>, pub(in crate::http) Caller);

        impl<T: Send + Sync + 'static> FromRequestParts<Arc<App<T>>> for $name<T> {
            type Rejection = Failure;

            async fn from_request_parts(
                parts: &mut Parts,
                app: &Arc<App<T>>,
            ) -> Result<Self, Failure> {
                let caller = Caller::of(parts, app)?;
                caller.needs(Right::$right)?;
                Ok(Self(Arc::clone(app), caller))
            }
        }
    )+};
}

rights! {
    /// For who may read keys.
    Reading(Read);
    /// For who may change keys.
    Writing(Write);
    /// For who may learn about the store as a whole.
    ReadingAll(ReadAll);
    /// For who may change the store as a whole.
    WritingAll(WriteAll);
    /// For who looks after the server.
    Administering(Admin);
}

/// For everybody who has an account: the accounts, and who it is.
pub(super) struct Known(pub(super) Auth, pub(super) Grant);
/// For who looks after the accounts.
pub(super) struct Admin(pub(super) Auth, pub(super) Grant);
/// For everybody: the accounts.
pub(super) struct Anybody(pub(super) Auth);

fn known<T>(parts: &mut Parts, app: &App<T>) -> Result<(Auth, Grant), Failure> {
    let caller = Caller::of(parts, app)?;
    app.options.auth.clone().zip(caller.0).ok_or_else(Failure::nothing_here)
}

impl<T: Send + Sync + 'static> FromRequestParts<Arc<App<T>>> for Known {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App<T>>) -> Result<Self, Failure> {
        known(parts, app).map(|(auth, grant)| Self(auth, grant))
    }
}

impl<T: Send + Sync + 'static> FromRequestParts<Arc<App<T>>> for Admin {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App<T>>) -> Result<Self, Failure> {
        let (auth, grant) = known(parts, app)?;
        grant.needs(Right::Admin)?;
        Ok(Self(auth, grant))
    }
}

impl<T: Send + Sync + 'static> FromRequestParts<Arc<App<T>>> for Anybody {
    type Rejection = Failure;

    async fn from_request_parts(_: &mut Parts, app: &Arc<App<T>>) -> Result<Self, Failure> {
        app.options.auth.clone().map(Self).ok_or_else(Failure::nothing_here)
    }
}
