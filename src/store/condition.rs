//! A list's condition in the making: it grows with the filter, each piece with what it binds.
//!
//! Knows no table: the domains' `rows.rs` give the pieces, the head and the order.

use std::fmt::Write;

use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe};

/// What a placeholder is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bind {
    /// A TEXT.
    Text(String),
    /// A BIGINT.
    Number(i64),
}

impl From<String> for Bind {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Bind {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

/// `piece AND piece …`, with placeholders numbered from `$1` as they come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    sql: String,
    binds: Vec<Bind>,
}

impl Condition {
    /// The first piece, which has its own placeholders from `$1`, one for each of `binds`.
    pub fn new(sql: impl Into<String>, binds: impl IntoIterator<Item = String>) -> Self {
        Self { sql: sql.into(), binds: binds.into_iter().map(Bind::Text).collect() }
    }

    /// The number that the next placeholder gets.
    pub fn next_place(&self) -> usize {
        self.binds.len() + 1
    }

    /// One more piece, in which each `?` takes the next of `binds`: as many as there are.
    pub fn and<B: Into<Bind>>(&mut self, piece: &str, binds: impl IntoIterator<Item = B>) -> &mut Self {
        self.sql.push_str(" AND ");
        let mut binds = binds.into_iter();
        let mut texts = piece.split('?');
        self.sql.push_str(texts.next().unwrap_or_default());
        for text in texts {
            let bind = binds.next().map(Into::into);
            debug_assert!(bind.is_some(), "too few binds for `{piece}`");
            self.binds.extend(bind);
            // Writing to a String cannot fail.
            let _ = write!(self.sql, "${}{text}", self.binds.len());
        }
        debug_assert!(binds.next().is_none(), "too many binds for `{piece}`");
        self
    }

    /// A piece with one `?`, if there is something to bind.
    pub fn and_if<B: Into<Bind>>(&mut self, piece: &str, bind: Option<B>) -> &mut Self {
        match bind {
            Some(bind) => self.and(piece, [bind]),
            None => self,
        }
    }

    /// A piece without placeholders, if it is wanted.
    pub fn and_when(&mut self, wanted: bool, piece: &str) -> &mut Self {
        match wanted {
            true => self.and::<i64>(piece, []),
            false => self,
        }
    }

    /// A piece whose placeholders are numbered already, from [`Condition::next_place`].
    pub fn and_numbered(&mut self, piece: &str, binds: impl IntoIterator<Item = String>) -> &mut Self {
        self.sql.push_str(" AND ");
        self.sql.push_str(piece);
        self.binds.extend(binds.into_iter().map(Bind::Text));
        self
    }

    /// The statement: `head WHERE condition tail`.
    pub fn query(self, head: &str, tail: &str) -> Query<'static, Any, AnyArguments> {
        let sql = format!("{head} WHERE {} {tail}", self.sql);
        // Safe: heads, pieces and tails are the code's own words, what users give is bound.
        self.binds.into_iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, bind| match bind {
            Bind::Text(text) => query.bind(text),
            Bind::Number(number) => query.bind(number),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_numbered_as_they_come() {
        let mut condition = Condition::new("(owner = $1)", ["me".to_owned()]);
        condition
            .and("(name > ? OR (name = ? AND id > ?))", ["a", "a", "7"].map(str::to_owned))
            .and_if("kind = ?", None::<i64>)
            .and_if("at < ?", Some(9))
            .and_when(true, "ended_at IS NULL")
            .and_when(false, "1 = 0");
        let place = condition.next_place();
        condition.and_numbered(&format!("orgs LIKE ${place}"), ["%|/zz%".to_owned()]);
        assert_eq!(
            condition.sql,
            "(owner = $1) AND (name > $2 OR (name = $3 AND id > $4)) AND at < $5 AND ended_at IS NULL AND orgs LIKE $6"
        );
        assert_eq!(condition.binds.len(), 6);
        assert_eq!(condition.binds[4], Bind::Number(9));
    }
}
