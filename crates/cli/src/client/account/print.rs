//! Prints accounts and tokens.

use mainspring_http::auth::{Access, Profile, TokenInfo};

use crate::client::printer::{Printer, ago, now, until};
use crate::client::table::{CellStyle, Rows};

/// Print accounts: on a terminal as a table with the tokens of each account below it, in a pipe as lines of name, role
/// and prefix, or as JSON.
pub fn accounts(accounts: &[Profile], printer: Printer) -> anyhow::Result<()> {
    if !printer.terminal || printer.json {
        return accounts.iter().try_for_each(|account| self::account(account, printer));
    }
    let mut rows = Rows::new(printer, &["NAME", "ROLE", "KEYS", "CREATED", "EXPIRES", "NOTE"]);
    for account in accounts {
        let note = match account.logins {
            0 => String::new(),
            1 => "1 login".to_owned(),
            logins => format!("{logins} logins"),
        };
        rows.add([
            (printer.text(&account.name).into_owned(), CellStyle::Name),
            (account.access.role.to_string(), CellStyle::Plain),
            (keys(&account.access, printer), CellStyle::Plain),
            (ago(account.created, now()), CellStyle::Dim),
            ("-".to_owned(), CellStyle::Dim),
            (note, CellStyle::Dim),
        ]);
        for token in &account.tokens {
            rows.add([
                (format!("  token {}", printer.text(&token.id)), CellStyle::Plain),
                (token.access.role.to_string(), CellStyle::Plain),
                (keys(&token.access, printer), CellStyle::Plain),
                (ago(token.created, now()), CellStyle::Dim),
                (expiry(token), CellStyle::Dim),
                (printer.text(&token.label).into_owned(), CellStyle::Dim),
            ]);
        }
    }
    Ok(printer.print_line(rows.text())?)
}

/// Print one account as a line, without its tokens.
pub fn account(account: &Profile, printer: Printer) -> anyhow::Result<()> {
    if printer.json {
        return Ok(printer.print_line(serde_json::to_string(account)?)?);
    }
    let Access { role, prefix } = &account.access;
    let (name, prefix) = (printer.text(&account.name), prefix.as_deref().unwrap_or_default());
    Ok(printer.print_line(
        format_args!("{name}\t{role}\t{}", printer.text(prefix)).to_string().trim_end(),
    )?)
}

/// Print a confirmation on a terminal. Programs use the exit code.
pub fn confirm(text: &str, printer: Printer) -> anyhow::Result<()> {
    if printer.terminal && !printer.json {
        printer.print_line(printer.text(text))?;
    }
    Ok(())
}

fn keys(access: &Access, printer: Printer) -> String {
    let prefix = access.prefix.as_deref();
    prefix.map_or_else(|| "all".to_owned(), |prefix| format!("{}*", printer.text(prefix)))
}

fn expiry(token: &TokenInfo) -> String {
    token.expires.map_or_else(|| "never".to_owned(), |time| until(time, now()))
}
