//! Who asks, and the store as far as they may use it.
//!
//! Handlers get at the store only through an extractor that names the right that they need, so none can forget to ask.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use crate::auth::{Auth, Grant, Right};
use crate::http::answer::Failure;
use crate::http::app::App;
use crate::http::extract::header;
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

    /// Until it may not do what it may do now.
    pub(in crate::http) fn ended(&self, auth: Option<&Auth>) -> impl Future<Output = ()> + use<> {
        let both = auth.cloned().zip(self.0.clone());
        async move {
            match both {
                Some((auth, grant)) => auth.ended(grant).await,
                None => std::future::pending().await,
            }
        }
    }

    /// Keep who and what, until it is known whether it was done.
    pub(in crate::http) fn note<T>(&self, write: &Write<T>) -> Note {
        Note(self.0.as_ref().map(|_| (self.clone(), write.action().name(), write.key().clone())))
    }

    /// Note in the audit log what has been done.
    pub(in crate::http) fn did(&self, what: &str, key: &str, revision: u64) {
        if let Some(grant) = &self.0 {
            let account = grant.account();
            tracing::info!(target: "mainspring::audit", account, what, key, revision, "changed");
        }
    }
}

/// A write that goes into the audit log once it is done.
pub(in crate::http) struct Note(Option<(Caller, &'static str, Key)>);

impl Note {
    pub(in crate::http) fn done(self, revision: u64) {
        if let Self(Some((caller, what, key))) = self {
            caller.did(what, &key, revision);
        }
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
