//! The part of `PromQL` that a rehearsal needs, parsed: selectors with matchers and ranges, calls, aggregations,
//! arithmetic and comparisons. <https://prometheus.io/docs/prometheus/latest/querying/basics/>.

use regex_lite::Regex;

use super::series::Labels;
use super::tokens::{Token, tokens};

/// How deep expressions may be nested.
const MAX_DEPTH: usize = 40;

/// An expression.
#[derive(Clone, Debug)]
pub(super) enum Expr {
    Number(f64),
    Minus(Box<Self>),
    Selector(Selector),
    /// The samples of so many seconds.
    Range(Selector, f64),
    Call(String, Vec<Self>),
    Aggregate(Aggregate),
    Binary(Binary),
}

/// Which series are meant.
#[derive(Clone, Debug, Default)]
pub(super) struct Selector {
    name: Option<String>,
    matchers: Vec<Matcher>,
}

#[derive(Clone, Debug)]
struct Matcher {
    label: String,
    pattern: Pattern,
    is_negated: bool,
}

#[derive(Clone, Debug)]
enum Pattern {
    Text(String),
    Regex(Regex),
}

/// Many values in one, by groups.
#[derive(Clone, Debug)]
pub(super) struct Aggregate {
    pub(super) fold: Fold,
    pub(super) grouping: Grouping,
    pub(super) of: Box<Expr>,
}

/// What is made of a group.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fold {
    Sum,
    Count,
    Avg,
    Max,
    Min,
}

/// Which labels make a group.
#[derive(Clone, Debug)]
pub(super) enum Grouping {
    By(Vec<String>),
    Without(Vec<String>),
}

/// Two expressions and what is between them.
#[derive(Clone, Debug)]
pub(super) struct Binary {
    pub(super) operator: Operator,
    /// A comparison that gives 0 or 1.
    pub(super) is_bool: bool,
    pub(super) left: Box<Expr>,
    pub(super) right: Box<Expr>,
}

/// An operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
}

impl Selector {
    /// Whether a series with these labels is meant.
    pub(super) fn is_match(&self, labels: &Labels) -> bool {
        let value = |label: &str| labels.get(label).map(String::as_str).unwrap_or_default();
        self.name.as_deref().is_none_or(|name| value("__name__") == name)
            && self.matchers.iter().all(|matcher| matcher.is_match(value(&matcher.label)))
    }
}

impl Matcher {
    fn is_match(&self, value: &str) -> bool {
        let matches = match &self.pattern {
            Pattern::Text(text) => text == value,
            Pattern::Regex(regex) => regex.is_match(value),
        };
        matches != self.is_negated
    }
}

impl Fold {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "sum" => Self::Sum,
            "count" => Self::Count,
            "avg" => Self::Avg,
            "max" => Self::Max,
            "min" => Self::Min,
            _ => return None,
        })
    }
}

impl Operator {
    fn of(symbol: &str) -> Option<Self> {
        Some(match symbol {
            "+" => Self::Add,
            "-" => Self::Subtract,
            "*" => Self::Multiply,
            "/" => Self::Divide,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            "==" => Self::Equal,
            "!=" => Self::NotEqual,
            _ => return None,
        })
    }

    /// The higher, the closer it binds.
    const fn precedence(self) -> usize {
        match self {
            Self::Multiply | Self::Divide => 3,
            Self::Add | Self::Subtract => 2,
            _ => 1,
        }
    }
}

/// Why a text is no expression, in words.
type Parsed<T> = Result<T, String>;

/// Parses an expression.
pub(super) fn parse(text: &str) -> Parsed<Expr> {
    let mut tokens = tokens(text)?;
    tokens.reverse();
    let mut parser = Parser { tokens, depth: 0 };
    let expr = parser.expr(1)?;
    match parser.tokens.last() {
        None => Ok(expr),
        Some(token) => Err(unexpected(token)),
    }
}

fn unexpected(token: &Token) -> String {
    format!("unexpected {token}; what is offered here is a part of PromQL")
}

/// The tokens that are left, the next one last.
struct Parser {
    tokens: Vec<Token>,
    depth: usize,
}

impl Parser {
    fn is_next(&self, symbol: &str) -> bool {
        matches!(self.tokens.last(), Some(Token::Symbol(next)) if *next == symbol)
    }

    /// Takes a symbol, if it is the next token.
    fn skip(&mut self, symbol: &str) -> bool {
        let is_next = self.is_next(symbol);
        if is_next {
            self.tokens.pop();
        }
        is_next
    }

    fn expect(&mut self, symbol: &str) -> Parsed<()> {
        if self.skip(symbol) {
            return Ok(());
        }
        let found = self.tokens.last().map_or_else(|| "the end".to_owned(), ToString::to_string);
        Err(format!("expected `{symbol}`, found {found}"))
    }

    fn next(&mut self) -> Parsed<Token> {
        self.tokens.pop().ok_or_else(|| "unexpected end".to_owned())
    }

    fn skip_word(&mut self, word: &str) -> bool {
        let is_next = matches!(self.tokens.last(), Some(Token::Word(next)) if next == word);
        if is_next {
            self.tokens.pop();
        }
        is_next
    }

    /// Operators that bind at least so closely, from the left.
    fn expr(&mut self, precedence: usize) -> Parsed<Expr> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("nested too deeply".to_owned());
        }
        let mut left = self.operand()?;
        while let Some(operator) = self.operator().filter(|next| next.precedence() >= precedence) {
            self.tokens.pop();
            let is_bool = operator.precedence() == 1 && self.skip_word("bool");
            let right = Box::new(self.expr(operator.precedence() + 1)?);
            left = Expr::Binary(Binary { operator, is_bool, left: Box::new(left), right });
        }
        self.depth -= 1;
        Ok(left)
    }

    fn operator(&self) -> Option<Operator> {
        match self.tokens.last() {
            Some(Token::Symbol(symbol)) => Operator::of(symbol),
            _ => None,
        }
    }

    fn operand(&mut self) -> Parsed<Expr> {
        if self.is_next("{") {
            return self.selector(None);
        }
        match self.next()? {
            Token::Number(number) => Ok(Expr::Number(number)),
            Token::Word(word) => self.named(word),
            // Looser than a product would be the same here.
            Token::Symbol("-") => Ok(Expr::Minus(Box::new(self.expr(4)?))),
            Token::Symbol("+") => self.expr(4),
            Token::Symbol("(") => {
                let inner = self.expr(1)?;
                self.expect(")").map(|()| inner)
            }
            other => Err(unexpected(&other)),
        }
    }

    /// What begins with a word: an aggregation, a call or a selector.
    fn named(&mut self, word: String) -> Parsed<Expr> {
        if let Some(fold) = Fold::of(&word) {
            return self.aggregate(fold);
        }
        if !self.skip("(") {
            return self.selector(Some(word));
        }
        let mut arguments = Vec::new();
        while !self.is_next(")") {
            arguments.push(self.expr(1)?);
            if !self.skip(",") {
                break;
            }
        }
        self.expect(")")?;
        Ok(Expr::Call(word, arguments))
    }

    fn aggregate(&mut self, fold: Fold) -> Parsed<Expr> {
        let before = self.grouping()?;
        self.expect("(")?;
        let of = Box::new(self.expr(1)?);
        self.expect(")")?;
        let grouping = match before {
            Some(grouping) => Some(grouping),
            None => self.grouping()?,
        };
        Ok(Expr::Aggregate(Aggregate { fold, grouping: grouping.unwrap_or(Grouping::By(Vec::new())), of }))
    }

    fn grouping(&mut self) -> Parsed<Option<Grouping>> {
        if self.skip_word("by") {
            return self.labels().map(|labels| Some(Grouping::By(labels)));
        }
        if self.skip_word("without") {
            return self.labels().map(|labels| Some(Grouping::Without(labels)));
        }
        Ok(None)
    }

    fn labels(&mut self) -> Parsed<Vec<String>> {
        let mut labels = Vec::new();
        self.expect("(")?;
        while !self.is_next(")") {
            labels.push(self.word()?);
            if !self.skip(",") {
                break;
            }
        }
        self.expect(")").map(|()| labels)
    }

    fn word(&mut self) -> Parsed<String> {
        match self.next()? {
            Token::Word(word) => Ok(word),
            other => Err(unexpected(&other)),
        }
    }

    fn selector(&mut self, name: Option<String>) -> Parsed<Expr> {
        let mut selector = Selector { name, matchers: Vec::new() };
        if self.skip("{") {
            while !self.is_next("}") {
                selector.matchers.push(self.matcher()?);
                if !self.skip(",") {
                    break;
                }
            }
            self.expect("}")?;
        }
        if !self.skip("[") {
            return Ok(Expr::Selector(selector));
        }
        match self.next()? {
            Token::Duration(seconds) => self.expect("]").map(|()| Expr::Range(selector, seconds)),
            other => Err(unexpected(&other)),
        }
    }

    fn matcher(&mut self) -> Parsed<Matcher> {
        let label = self.word()?;
        let operator = self.next()?;
        let Token::Text(text) = self.next()? else {
            return Err(format!("the value of label {label} must be quoted"));
        };
        let (is_negated, is_regex) = match operator {
            Token::Symbol("=") => (false, false),
            Token::Symbol("!=") => (true, false),
            Token::Symbol("=~") => (false, true),
            Token::Symbol("!~") => (true, true),
            other => return Err(unexpected(&other)),
        };
        let pattern = if is_regex {
            // It must match all of the value.
            Pattern::Regex(
                Regex::new(&format!("^(?s:{text})$")).map_err(|why| format!("regex {text:?}: {why}"))?,
            )
        } else {
            Pattern::Text(text)
        };
        Ok(Matcher { label, pattern, is_negated })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_expression_is_refused() {
        for (text, why) in [
            ("", "unexpected end"),
            ("sum(hits", "expected `)`, found the end"),
            ("hits{code=200}", "the value of label code must be quoted"),
            ("hits{code=\"200}", "a text without its end"),
            ("hits[5]", "unexpected `5`"),
            ("hits offset 5m", "unexpected `offset`"),
            ("1 + ", "unexpected end"),
            ("hits{code=~\"(\"}", "regex \"(\": "),
            ("§", "unexpected `§`"),
        ] {
            let refused = parse(text).unwrap_err();
            assert!(refused.contains(why), "{text}: {refused}");
        }
        assert_eq!(parse(&"(".repeat(100_000)).unwrap_err(), "nested too deeply");
    }

    #[test]
    fn matchers_match_whole_values() {
        let labels = |code: &str| Labels::from([("code".to_owned(), code.to_owned())]);
        for (text, code, matches) in [
            ("{code=\"200\"}", "200", true),
            ("{code!=\"200\"}", "200", false),
            ("{code=~\"2..|4..\",}", "404", true),
            ("{code=~\"2|4\"}", "404", false),
            ("{code!~\"5..\"}", "404", true),
            ("{other=\"\"}", "404", true),
        ] {
            let Expr::Selector(selector) = parse(text).unwrap() else { panic!("{text}") };
            assert_eq!(selector.is_match(&labels(code)), matches, "{text} {code}");
        }
    }
}
