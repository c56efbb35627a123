//! Accounts and tokens, as they are shown.

use mainspring_http::auth::{Access, Profile, TokenInfo};

use crate::client::screen::{Screen, ago, now, until};
use crate::client::table::{Look, Rows};

/// On a terminal a table, with the tokens of each account below it; in a pipe name, role and prefix; or JSON.
pub fn accounts(accounts: &[Profile], screen: Screen) -> anyhow::Result<()> {
    if !screen.terminal || screen.json {
        return accounts.iter().try_for_each(|account| one(account, screen));
    }
    let mut rows = Rows::new(screen, &["NAME", "ROLE", "KEYS", "MADE", "ENDS", "NOTE"]);
    for account in accounts {
        let note = match account.logins {
            0 => String::new(),
            1 => "1 login".to_owned(),
            logins => format!("{logins} logins"),
        };
        rows.add([
            (screen.text(&account.name).into_owned(), Look::Name),
            (account.access.role.to_string(), Look::Plain),
            (keys(&account.access, screen), Look::Plain),
            (ago(account.created, now()), Look::Dim),
            ("-".to_owned(), Look::Dim),
            (note, Look::Dim),
        ]);
        for token in &account.tokens {
            rows.add([
                (format!("  token {}", screen.text(&token.id)), Look::Plain),
                (token.access.role.to_string(), Look::Plain),
                (keys(&token.access, screen), Look::Plain),
                (ago(token.created, now()), Look::Dim),
                (end(token), Look::Dim),
                (screen.text(&token.label).into_owned(), Look::Dim),
            ]);
        }
    }
    Ok(screen.say(rows.text())?)
}

/// One account in a line, without its tokens.
pub fn one(account: &Profile, screen: Screen) -> anyhow::Result<()> {
    if screen.json {
        return Ok(screen.say(serde_json::to_string(account)?)?);
    }
    let Access { role, prefix } = &account.access;
    let (name, prefix) = (screen.text(&account.name), prefix.as_deref().unwrap_or_default());
    Ok(screen
        .say(format_args!("{name}\t{role}\t{}", screen.text(prefix)).to_string().trim_end())?)
}

/// That something was done, for people; programs know by the exit code.
pub fn done(what: &str, screen: Screen) -> anyhow::Result<()> {
    if screen.terminal && !screen.json {
        screen.say(screen.text(what))?;
    }
    Ok(())
}

fn keys(access: &Access, screen: Screen) -> String {
    let prefix = access.prefix.as_deref();
    prefix.map_or_else(|| "all".to_owned(), |prefix| format!("{}*", screen.text(prefix)))
}

fn end(token: &TokenInfo) -> String {
    token.expires.map_or_else(|| "never".to_owned(), |time| until(time, now()))
}
