//! Accounts, for who looks after them, and API tokens.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::body::{Sealed, unkept, whole};
use super::caller::{Admin, Known};
use super::described;
use super::name::{Name, TokenName};
use crate::auth::{Access, AuthError, Right};
use crate::http::answer::Failure;
use crate::http::schema::Ok as OkSchema;
use crate::wire::accounts::{Allowed, NewAccount, Password, Profiles, SigningKeys, TokenWanted};
use crate::wire::parse_duration;

/// Make an account.
#[utoipa::path(
    post, path = "/auth/register", tag = "accounts", operation_id = "register",
    request_body(content = described::NewAccount, example = json!({"name": "ada", "password": "wheels within wheels", "role": "writer", "prefix": "car/"})),
    responses((status = 201, description = "It was made.", body = described::Account, example = json!({"name": "ada", "role": "writer", "prefix": "car/", "created_at": "2026-11-21T08:42:38Z", "logins": 0, "tokens": []}))),
    extensions(("x-errors" = json!(["invalid_json", "account_exists"])), ("x-needs" = json!("admin"))),
)]
pub(in crate::http) async fn register(
    Admin(auth, grant): Admin,
    Sealed(NewAccount { name, password, role, prefix }): Sealed<NewAccount>,
) -> Result<Response, Failure> {
    whole(async move {
        auth.register(&name, password, Access { role, prefix }).await?;
        grant.did("register", &name);
        created(unkept(&auth.profile(&name).ok_or(AuthError::NotFound)?)?)
    })
    .await
}

/// All accounts.
#[utoipa::path(
    get, path = "/auth/accounts", tag = "accounts", operation_id = "accounts",
    responses((status = 200, description = "They.", body = described::Accounts, example = json!({"accounts": [{"name": "ada", "role": "admin", "created_at": "2026-11-21T08:42:38Z", "logins": 1, "tokens": []}]}))),
    extensions(("x-needs" = json!("admin"))),
)]
pub(in crate::http) async fn accounts(Admin(auth, _): Admin) -> Result<Response, Failure> {
    unkept(&Profiles { accounts: auth.profiles().await? })
}

/// Change what an account may do.
///
/// Takes effect with its next request, and ends its streams.
#[utoipa::path(
    put, path = "/auth/accounts/{name}", tag = "accounts", operation_id = "set_access",
    params(described::NameParam),
    request_body(content = described::Access, example = json!({"role": "reader", "prefix": "car/"})),
    responses((status = 200, description = "It was changed.", body = OkSchema, example = json!({"message": "ok"}))),
    extensions(("x-errors" = json!(["invalid_json", "account_not_found"])), ("x-needs" = json!("admin"))),
)]
pub(in crate::http) async fn set_access(
    Admin(auth, grant): Admin,
    Name(name): Name,
    Sealed(allowed): Sealed<Allowed>,
) -> Result<Response, Failure> {
    whole(async move {
        auth.set_access(&name, allowed.into()).await?;
        grant.did("set access", &name);
        unkept(&json!({"message": "ok"}))
    })
    .await
}

/// Remove an account.
///
/// Its tokens and streams end at once.
#[utoipa::path(
    delete, path = "/auth/accounts/{name}", tag = "accounts", operation_id = "remove_account",
    params(described::NameParam),
    responses((status = 200, description = "It is gone.", body = OkSchema, example = json!({"message": "ok"}))),
    extensions(("x-errors" = json!(["account_not_found"])), ("x-needs" = json!("admin"))),
)]
pub(in crate::http) async fn remove_account(
    Admin(auth, grant): Admin,
    Name(name): Name,
) -> Result<Response, Failure> {
    whole(async move {
        auth.remove(&name).await?;
        grant.did("remove account", &name);
        unkept(&json!({"message": "ok"}))
    })
    .await
}

/// Give an account another password.
///
/// Every login of the account ends; its API tokens stay.
#[utoipa::path(
    put, path = "/auth/accounts/{name}/password", tag = "accounts", operation_id = "set_password",
    params(described::NameParam),
    request_body(content = described::Password, example = json!({"password": "springs and wheels"})),
    responses((status = 200, description = "It was changed.", body = OkSchema, example = json!({"message": "ok"}))),
    extensions(("x-errors" = json!(["invalid_json", "account_not_found"])), ("x-needs" = json!("admin"))),
)]
pub(in crate::http) async fn set_password(
    Admin(auth, grant): Admin,
    Name(name): Name,
    Sealed(Password { password }): Sealed<Password>,
) -> Result<Response, Failure> {
    whole(async move {
        auth.set_password(&name, password).await?;
        grant.did("set password", &name);
        unkept(&json!({"message": "ok"}))
    })
    .await
}

/// Make a token for a program.
///
/// It may do what the account may do, or less. It is shown this once. Of another account only an admin makes one.
#[utoipa::path(
    post, path = "/auth/tokens", tag = "accounts", operation_id = "add_token",
    request_body(content = described::TokenWanted, example = json!({"label": "dashboard", "access": {"role": "reader", "prefix": "car/"}, "ttl": "720h"})),
    responses((status = 201, description = "It was made.", body = described::NewToken, example = json!({"token": "mst_ada.x.y", "id": "x", "label": "dashboard", "role": "reader", "prefix": "car/", "created_at": "2026-11-21T08:42:38Z", "expires_at": "2026-12-21T08:42:38Z"}))),
    extensions(("x-errors" = json!(["invalid_json", "invalid_ttl", "account_not_found"])), ("x-needs" = json!("account"))),
)]
pub(in crate::http) async fn add_token(
    Known(auth, grant): Known,
    Sealed(wanted): Sealed<TokenWanted>,
) -> Result<Response, Failure> {
    let TokenWanted { label, account, access, ttl } = wanted;
    let ttl = ttl.map(|ttl| parse_duration(&ttl)).transpose();
    let ttl: Option<Duration> = ttl.map_err(|_| Failure::from(crate::Error::InvalidTtl))?;
    let account = account.unwrap_or_else(|| grant.account().to_owned());
    let access = access.map(Access::from);
    let access = if account == grant.account() {
        grant.needs_login()?;
        // Whoever came in with a limited token does not leave with more.
        let wanted = access.unwrap_or_else(|| grant.access().clone());
        if grant.access().and(&wanted).as_ref() != Some(&wanted) {
            return Err(AuthError::Forbidden.into());
        }
        Some(wanted)
    } else {
        grant.needs(Right::Admin)?;
        access
    };
    whole(async move {
        let made = auth.add_token(&account, &label, access, ttl).await?;
        grant.did("add token", &account);
        created(unkept(&made)?)
    })
    .await
}

/// Remove a token.
///
/// It is refused from now on. Those of another account only an admin removes.
#[utoipa::path(
    delete, path = "/auth/tokens/{name}/{id}", tag = "accounts", operation_id = "remove_token",
    params(described::TokenParams),
    responses((status = 200, description = "It is gone.", body = OkSchema, example = json!({"message": "ok"}))),
    extensions(("x-errors" = json!(["account_not_found"])), ("x-needs" = json!("account"))),
)]
pub(in crate::http) async fn remove_token(
    Known(auth, grant): Known,
    TokenName(account, id): TokenName,
) -> Result<Response, Failure> {
    if account == grant.account() { grant.needs_login() } else { grant.needs(Right::Admin) }?;
    whole(async move {
        auth.remove_token(&account, &id).await?;
        grant.did("remove token", &account);
        unkept(&json!({"message": "ok"}))
    })
    .await
}

/// Sign with a new key.
///
/// What the one before it has signed is good until it expires; what an older one has signed is refused from now on.
#[utoipa::path(
    post, path = "/auth/keys", tag = "accounts", operation_id = "rotate_keys",
    responses((status = 200, description = "The keys that are live, the newest first.", body = described::SigningKeys, example = json!({"keys": ["kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"]}))),
    extensions(("x-needs" = json!("admin"))),
)]
pub(in crate::http) async fn rotate_keys(Admin(auth, grant): Admin) -> Result<Response, Failure> {
    whole(async move {
        auth.rotate_keys().await?;
        grant.did("rotate keys", "");
        unkept(&SigningKeys { keys: auth.keys().ids() })
    })
    .await
}

fn created(mut answer: Response) -> Result<Response, Failure> {
    *answer.status_mut() = StatusCode::CREATED;
    Ok(answer)
}
