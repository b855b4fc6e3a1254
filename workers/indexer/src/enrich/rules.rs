//! Rules for user agents of which each is compiled when a text first comes that it may match: a university sees a
//! twentieth of the thousand there are, and compiled, all of them take some 25 MiB. Must not know what a rule tells.
//!
//! Which rules may match is told by the prefilter that `ua-parser` itself puts before its rules: the pieces of text
//! (`iphone`, `build/`) that a rule cannot do without. What comes out is what its own extractor gives; a test holds them
//! together.

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use regex_filtered::mapper::{Builder, Mapper};
use regex_filtered::model::Model;
use regex_syntax::ParserBuilder;
use ua_parser::{device, os, user_agent};

/// Shorter pieces, in bytes, are in nearly every user agent.
const SHORTEST: usize = 2;

/// A rule of one of the three kinds of `ua-parser`.
pub(super) trait Rule: Send + 'static {
    /// What this one rule tells of a text.
    type Compiled;

    fn pattern(&self) -> &str;

    fn ignores_case(&self) -> bool {
        false
    }

    /// `None` for a rule that is none.
    fn compile(self) -> Option<Self::Compiled>;
}

/// Rules of one kind, in the order in which they are asked.
pub(super) struct Rules<C> {
    pieces: AhoCorasick,
    needs: Mapper,
    rules: Vec<Lazy<C>>,
}

type Lazy<C> = LazyLock<Option<C>, Box<dyn FnOnce() -> Option<C> + Send>>;

impl<C> Rules<C> {
    /// `None` when a pattern is none.
    pub(super) fn new<R: Rule<Compiled = C>>(rules: Vec<R>) -> Option<Self> {
        let mut needs = Builder::new(SHORTEST);
        for rule in &rules {
            needs.push(need(rule)?);
        }
        let (needs, pieces) = needs.build();
        let pieces = AhoCorasick::builder().ascii_case_insensitive(true).build(pieces).ok()?;
        Some(Self { pieces, needs, rules: rules.into_iter().map(lazy).collect() })
    }

    /// What the first rule that matches tells.
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

/// What a text must have for a rule to match it. `ua-parser` makes `\d` and the like ASCII and long repetitions
/// endless before it compiles: as the pattern stands it asks for less than that, never for more.
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
