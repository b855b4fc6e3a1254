//! Rules for user agents, compiled on first use: a university needs a twentieth of the thousand rules, and all of them
//! compiled take some 25 MiB. Independent of a rule's result.
//!
//! A prefilter, the same as in `ua-parser`, selects the rules that may match, by substrings (`iphone`, `build/`) that a
//! rule requires. `ua-parser`'s own extractor produces the result; a test compares both.

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use regex_filtered::mapper::{Builder, Mapper};
use regex_filtered::model::Model;
use regex_syntax::ParserBuilder;
use ua_parser::{device, os, user_agent};

/// Minimum bytes of a substring: shorter ones are in nearly every user agent.
const SHORTEST: usize = 2;

/// A rule of one of the three kinds of `ua-parser`.
pub(super) trait Rule: Send + 'static {
    /// The compiled rule, which extracts a result.
    type Compiled;

    fn pattern(&self) -> &str;

    fn ignores_case(&self) -> bool {
        false
    }

    /// Returns `None` for an invalid rule.
    fn compile(self) -> Option<Self::Compiled>;
}

/// Rules of one kind in order of priority.
pub(super) struct Rules<C> {
    pieces: AhoCorasick,
    needs: Mapper,
    rules: Vec<Lazy<C>>,
}

type Lazy<C> = LazyLock<Option<C>, Box<dyn FnOnce() -> Option<C> + Send>>;

impl<C> Rules<C> {
    /// Returns `None` if a pattern is invalid.
    pub(super) fn new<R: Rule<Compiled = C>>(rules: Vec<R>) -> Option<Self> {
        let mut needs = Builder::new(SHORTEST);
        for rule in &rules {
            needs.push(need(rule)?);
        }
        let (needs, pieces) = needs.build();
        let pieces = AhoCorasick::builder().ascii_case_insensitive(true).build(pieces).ok()?;
        Some(Self { pieces, needs, rules: rules.into_iter().map(lazy).collect() })
    }

    /// Returns the result of the first matching rule.
    pub(super) fn first<'t, T>(
        &'t self,
        text: &'t str,
        told: impl Fn(&'t C, &'t str) -> Option<T>,
    ) -> Option<T> {
        let found = self.pieces.find_overlapping_iter(text).map(|piece| piece.pattern().as_usize());
        // In the order of the rules.
        let may_match = self.needs.atom_to_re(found);
        may_match.into_iter().find_map(|rule| told(self.rules.get(rule)?.as_ref()?, text))
    }
}

/// Returns the substrings that a match requires. `ua-parser` makes `\d` and the like ASCII, and long repetitions
/// unbounded, before it compiles; the original pattern requires less, never more.
fn need<R: Rule>(rule: &R) -> Option<Model> {
    let pattern =
        ParserBuilder::new().case_insensitive(rule.ignores_case()).build().parse(rule.pattern()).ok()?;
    Model::new(&pattern).ok()
}

fn lazy<R: Rule>(rule: R) -> Lazy<R::Compiled> {
    LazyLock::new(Box::new(move || rule.compile()))
}

impl Rule for user_agent::Parser<'static> {
    type Compiled = user_agent::Extractor<'static>;

    fn pattern(&self) -> &str {
        &self.regex
    }

    fn compile(self) -> Option<Self::Compiled> {
        user_agent::Builder::new().push(self).ok()?.build().ok()
    }
}

impl Rule for os::Parser<'static> {
    type Compiled = os::Extractor<'static>;

    fn pattern(&self) -> &str {
        &self.regex
    }

    fn compile(self) -> Option<Self::Compiled> {
        os::Builder::new().push(self).ok()?.build().ok()
    }
}

impl Rule for device::Parser<'static> {
    type Compiled = device::Extractor<'static>;

    fn pattern(&self) -> &str {
        &self.regex
    }

    fn ignores_case(&self) -> bool {
        self.regex_flag == Some(device::Flag::IgnoreCase)
    }

    fn compile(self) -> Option<Self::Compiled> {
        device::Builder::new().push(self).ok()?.build().ok()
    }
}
