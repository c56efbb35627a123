//! Logging in and out.

use axum::response::Response;

use super::body::{From, Sealed, uncached, whole};
use super::caller::{Account, Accounts};
use crate::auth::{AuthError, Tokens};
use crate::protocol::accounts::{Acknowledgement, Login, Logout, OwnPassword, Refresh, TokenPair};
use crate::server::answer::Failure;

pub(in crate::server) async fn login(
    Accounts(auth): Accounts,
    From(from): From,
    Sealed(Login { name, password }): Sealed<Login>,
) -> Result<Response, Failure> {
    whole(async move { issued(auth.login(&name, password, from).await?) }).await
}

pub(in crate::server) async fn refresh(
    Accounts(auth): Accounts,
    Sealed(Refresh { refresh_token }): Sealed<Refresh>,
) -> Result<Response, Failure> {
    whole(async move { issued(auth.refresh(&refresh_token).await?) }).await
}

pub(in crate::server) async fn logout(
    Account(auth, grant): Account,
    Sealed(Logout { all }): Sealed<Logout>,
) -> Result<Response, Failure> {
    whole(async move {
        auth.logout(&grant, all).await?;
        uncached(&Acknowledgement::OK)
    })
    .await
}

pub(in crate::server) async fn me(Account(auth, grant): Account) -> Result<Response, Failure> {
    uncached(&auth.own_profile(&grant).ok_or(AuthError::Denied)?)
}

pub(in crate::server) async fn change_password(
    Account(auth, grant): Account,
    From(from): From,
    Sealed(OwnPassword { current, new }): Sealed<OwnPassword>,
) -> Result<Response, Failure> {
    whole(async move {
        auth.change_own_password(&grant, current, new, from).await?;
        uncached(&Acknowledgement::OK)
    })
    .await
}

fn issued(tokens: Tokens) -> Result<Response, Failure> {
    uncached(&TokenPair {
        access_token: tokens.access,
        token_type: "Bearer".to_owned(),
        expires_in: tokens.access_ttl.as_secs(),
        refresh_token: tokens.refresh,
        refresh_expires_in: tokens.refresh_ttl.as_secs(),
    })
}
