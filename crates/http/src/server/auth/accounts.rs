//! Accounts, for who looks after them, and API tokens.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::Response;
use mainspring::wire::parse_duration;

use super::body::{Sealed, uncached, whole};
use super::caller::Account;
use crate::auth::{Access, AuthError, Right};
use crate::protocol::accounts::{
    Acknowledgement, NewAccess, NewAccount, NewTokenRequest, Password, Profiles, SigningKeys,
};
use crate::protocol::parameters::{AccountPath, TokenPath};
use crate::server::answer::Failure;
use crate::server::extract::Path;

pub(in crate::server) async fn register(
    Account(auth, grant): Account,
    Sealed(NewAccount { name, password, role, prefix }): Sealed<NewAccount>,
) -> Result<Response, Failure> {
    whole(async move {
        auth.register(&name, password, Access { role, prefix }).await?;
        grant.audit("register", &name);
        created(uncached(&auth.profile(&name).ok_or(AuthError::NotFound)?)?)
    })
    .await
}

pub(in crate::server) async fn accounts(Account(auth, _): Account) -> Result<Response, Failure> {
    uncached(&Profiles { accounts: auth.profiles().await? })
}

pub(in crate::server) async fn set_access(
    Account(auth, grant): Account,
    Path(AccountPath { name }): Path<AccountPath>,
    Sealed(allowed): Sealed<NewAccess>,
) -> Result<Response, Failure> {
    whole(async move {
        auth.set_access(&name, allowed.into()).await?;
        grant.audit("set access", &name);
        uncached(&Acknowledgement::OK)
    })
    .await
}

pub(in crate::server) async fn remove_account(
    Account(auth, grant): Account,
    Path(AccountPath { name }): Path<AccountPath>,
) -> Result<Response, Failure> {
    whole(async move {
        auth.remove(&name).await?;
        grant.audit("remove account", &name);
        uncached(&Acknowledgement::OK)
    })
    .await
}

pub(in crate::server) async fn set_password(
    Account(auth, grant): Account,
    Path(AccountPath { name }): Path<AccountPath>,
    Sealed(Password { password }): Sealed<Password>,
) -> Result<Response, Failure> {
    whole(async move {
        auth.set_password(&name, password).await?;
        grant.audit("set password", &name);
        uncached(&Acknowledgement::OK)
    })
    .await
}

pub(in crate::server) async fn add_token(
    Account(auth, grant): Account,
    Sealed(wanted): Sealed<NewTokenRequest>,
) -> Result<Response, Failure> {
    let NewTokenRequest { label, account, access, ttl } = wanted;
    let ttl = ttl.map(|ttl| parse_duration(&ttl)).transpose();
    let ttl: Option<Duration> = ttl.map_err(|_| Failure::from(mainspring::Error::InvalidTtl))?;
    let account = account.unwrap_or_else(|| grant.account().to_owned());
    let access = access.map(Access::from);
    let access = if account == grant.account() {
        grant.require_login()?;
        // Whoever came in with a limited token does not leave with more.
        let wanted = access.unwrap_or_else(|| grant.access().clone());
        if grant.access().and(&wanted).as_ref() != Some(&wanted) {
            return Err(AuthError::Forbidden.into());
        }
        Some(wanted)
    } else {
        grant.require(Right::Admin)?;
        access
    };
    whole(async move {
        let made = auth.add_token(&account, &label, access, ttl).await?;
        grant.audit("add token", &account);
        created(uncached(&made)?)
    })
    .await
}

pub(in crate::server) async fn remove_token(
    Account(auth, grant): Account,
    Path(TokenPath { name: account, id }): Path<TokenPath>,
) -> Result<Response, Failure> {
    if account == grant.account() { grant.require_login() } else { grant.require(Right::Admin) }?;
    whole(async move {
        auth.remove_token(&account, &id).await?;
        grant.audit("remove token", &account);
        uncached(&Acknowledgement::OK)
    })
    .await
}

pub(in crate::server) async fn rotate_keys(
    Account(auth, grant): Account,
) -> Result<Response, Failure> {
    whole(async move {
        auth.rotate_keys().await?;
        grant.audit("rotate keys", "");
        uncached(&SigningKeys { keys: auth.keys().ids() })
    })
    .await
}

fn created(mut answer: Response) -> Result<Response, Failure> {
    *answer.status_mut() = StatusCode::CREATED;
    Ok(answer)
}
