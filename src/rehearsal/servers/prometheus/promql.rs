//! The part of `PromQL` that this server evaluates: <https://prometheus.io/docs/prometheus/latest/querying/basics/>.

use regex_lite::Regex;
use winnow::ascii::{digit1, float, multispace0};
use winnow::combinator::{
    alt, cut_err, delimited, dispatch, empty, fail, opt, preceded, repeat, separated, terminated,
};
use winnow::error::{ContextError, ParserError};
use winnow::prelude::*;
use winnow::token::{any, none_of, one_of, take_while};

use super::series::Labels;

/// An expression.
#[derive(Debug)]
pub(super) enum Expr {
    Number(f64),
    Negation(Box<Expr>),
    Selector(Selector),
    /// The samples of a time, in seconds.
    Range(Selector, f64),
    /// A function, and its arguments.
    Call(String, Vec<Expr>),
    Aggregation(Aggregator, Grouping, Box<Expr>),
    Operation(Box<Operation>),
}

/// Matchers that a series must satisfy, that of its name included.
#[derive(Debug)]
pub(super) struct Selector(Vec<LabelMatcher>);

#[derive(Debug)]
struct LabelMatcher {
    label: String,
    condition: Condition,
    negated: bool,
}

#[derive(Debug)]
enum Condition {
    Equals(String),
    Matches(Regex),
}

/// How the values of a group become one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Aggregator {
    Sum,
    Count,
    Avg,
    Max,
    Min,
}

/// The labels that distinguish groups.
#[derive(Debug)]
pub(super) enum Grouping {
    By(Vec<String>),
    Without(Vec<String>),
}

/// Two operands and their operator.
#[derive(Debug)]
pub(super) struct Operation {
    pub operator: Operator,
    /// Whether a comparison yields 0 or 1, instead of being a filter.
    pub is_bool: bool,
    pub left: Expr,
    pub right: Expr,
}

#[derive(Clone, Copy, Debug)]
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

impl Operator {
    pub fn is_comparison(self) -> bool {
        !matches!(self, Self::Add | Self::Subtract | Self::Multiply | Self::Divide)
    }

    /// The result; 0 or 1 of a comparison.
    #[expect(clippy::float_cmp, reason = "PromQL compares floats exactly")]
    pub fn apply(self, left: f64, right: f64) -> f64 {
        let holds = match self {
            Self::Add => return left + right,
            Self::Subtract => return left - right,
            Self::Multiply => return left * right,
            Self::Divide => return left / right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Equal => left == right,
            Self::NotEqual => left != right,
        };
        f64::from(u8::from(holds))
    }
}

impl Selector {
    pub fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|matcher| {
            let value = labels.get(&matcher.label).map(String::as_str).unwrap_or_default();
            let holds = match &matcher.condition {
                Condition::Equals(expected) => value == expected,
                Condition::Matches(pattern) => pattern.is_match(value),
            };
            holds != matcher.negated
        })
    }
}

/// The characters that nest one expression in another.
const NESTING: [char; 9] = ['(', '-', '+', '*', '/', '<', '>', '=', '!'];
/// The most of them: each costs stack.
const MAX_NESTING: usize = 60;

/// Parses an expression; an error says from where on it is not understood.
pub(super) fn parse(text: &str) -> Result<Expr, String> {
    if text.matches(NESTING).count() > MAX_NESTING {
        return Err("parse error: the expression is nested too deeply for this server".into());
    }
    terminated(expression, multispace0).parse(text).map_err(|error| {
        let rest = &text[error.offset()..];
        if rest.is_empty() {
            return "parse error: unexpected end of the expression".into();
        }
        format!("parse error: `{rest}` is invalid, or not supported by this server")
    })
}

type Parsed<T = Expr> = ModalResult<T>;

/// A parser, and the space before it.
fn token<'i, T>(
    parser: impl ModalParser<&'i str, T, ContextError>,
) -> impl ModalParser<&'i str, T, ContextError> {
    preceded(multispace0, parser)
}

fn expression(input: &mut &str) -> Parsed {
    let comparison = alt((
        "==".value(Operator::Equal),
        "!=".value(Operator::NotEqual),
        ">=".value(Operator::GreaterOrEqual),
        "<=".value(Operator::LessOrEqual),
        '>'.value(Operator::Greater),
        '<'.value(Operator::Less),
    ));
    operations(input, (comparison, opt(token("bool")).map(|word| word.is_some())), sum)
}

fn sum(input: &mut &str) -> Parsed {
    let operator = alt(('+'.value(Operator::Add), '-'.value(Operator::Subtract)));
    operations(input, (operator, empty.value(false)), product)
}

fn product(input: &mut &str) -> Parsed {
    let operator = alt(('*'.value(Operator::Multiply), '/'.value(Operator::Divide)));
    operations(input, (operator, empty.value(false)), unary)
}

/// Operands of one precedence, from left to right.
fn operations<'i>(
    input: &mut &'i str,
    operator: impl ModalParser<&'i str, (Operator, bool), ContextError>,
    operand: fn(&mut &'i str) -> Parsed,
) -> Parsed {
    let first = operand(input)?;
    let rest: Vec<_> = repeat(0.., (token(operator), operand)).parse_next(input)?;
    Ok(rest.into_iter().fold(first, |left, ((operator, is_bool), right)| {
        Expr::Operation(Box::new(Operation { operator, is_bool, left, right }))
    }))
}

fn unary(input: &mut &str) -> Parsed {
    token(alt((
        preceded('-', unary).map(|inner| Expr::Negation(Box::new(inner))),
        preceded('+', unary),
        delimited('(', expression, token(')')),
        number.map(Expr::Number),
        aggregation,
        call,
        selection,
    )))
    .parse_next(input)
}

fn number(input: &mut &str) -> Parsed<f64> {
    // A name may begin like `inf`.
    if !input.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Err(ParserError::from_input(input));
    }
    float.parse_next(input)
}

fn name<'i>(input: &mut &'i str) -> Parsed<&'i str> {
    let rest = take_while(0.., |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':');
    (one_of(|c: char| c.is_ascii_alphabetic() || c == '_' || c == ':'), rest).take().parse_next(input)
}

fn aggregation(input: &mut &str) -> Parsed {
    let aggregator = dispatch! { name;
        "sum" => empty.value(Aggregator::Sum),
        "count" => empty.value(Aggregator::Count),
        "avg" => empty.value(Aggregator::Avg),
        "max" => empty.value(Aggregator::Max),
        "min" => empty.value(Aggregator::Min),
        _ => fail,
    };
    // Read once: as a function it would be read again, at each level.
    let inner = preceded(token('('), cut_err(terminated(expression, token(')'))));
    let (aggregator, before, inner, after) =
        (aggregator, opt(grouping), inner, opt(grouping)).parse_next(input)?;
    let grouping = before.or(after).unwrap_or(Grouping::By(Vec::new()));
    Ok(Expr::Aggregation(aggregator, grouping, Box::new(inner)))
}

fn grouping(input: &mut &str) -> Parsed<Grouping> {
    let word = token(alt(("by", "without")));
    let labels = separated(0.., token(name).map(str::to_owned), token(','));
    let labels = delimited(token('('), terminated(labels, opt(token(','))), token(')'));
    let make = |(word, labels)| if word == "by" { Grouping::By(labels) } else { Grouping::Without(labels) };
    (word, labels).map(make).parse_next(input)
}

fn call(input: &mut &str) -> Parsed {
    let arguments = separated(0.., expression, token(','));
    let arguments = preceded(token('('), cut_err(terminated(arguments, token(')'))));
    (name, arguments).map(|(name, arguments)| Expr::Call(name.to_owned(), arguments)).parse_next(input)
}

/// A selector, and the time of its samples.
fn selection(input: &mut &str) -> Parsed {
    let selector = selector.parse_next(input)?;
    let range = opt(delimited(token('['), token(duration), token(']'))).parse_next(input)?;
    Ok(match range {
        Some(range) => Expr::Range(selector, range),
        None => Expr::Selector(selector),
    })
}

fn selector(input: &mut &str) -> Parsed<Selector> {
    let matchers = separated(0.., label_matcher, token(','));
    let matchers = delimited(token('{'), terminated(matchers, opt(token(','))), token('}'));
    let (name, matchers): (_, Option<Vec<_>>) = (opt(name), opt(matchers)).parse_next(input)?;
    if name.is_none() && matchers.is_none() {
        return Err(ParserError::from_input(input));
    }
    let name = name.map(|name| LabelMatcher {
        label: "__name__".into(),
        condition: Condition::Equals(name.to_owned()),
        negated: false,
    });
    Ok(Selector(name.into_iter().chain(matchers.unwrap_or_default()).collect()))
}

fn label_matcher(input: &mut &str) -> Parsed<LabelMatcher> {
    let operator = token(alt(("=~", "!~", "!=", "=")));
    let make = |((label, operator), value): ((&str, &str), String)| {
        let condition = match operator {
            "=~" | "!~" => Condition::Matches(Regex::new(&format!("^(?s:{value})$"))?),
            _ => Condition::Equals(value),
        };
        Ok::<_, regex_lite::Error>(LabelMatcher {
            label: label.to_owned(),
            condition,
            negated: operator.starts_with('!'),
        })
    };
    ((token(name), operator), token(quoted)).try_map(make).parse_next(input)
}

fn quoted(input: &mut &str) -> Parsed<String> {
    let quote = one_of(['"', '\'', '`']).parse_next(input)?;
    let escaped = preceded('\\', any).map(|c| match c {
        'n' => '\n',
        't' => '\t',
        other => other,
    });
    let text = match quote {
        '`' => repeat(0.., none_of('`')).parse_next(input)?,
        _ => repeat(0.., alt((escaped, none_of([quote, '\\'])))).parse_next(input)?,
    };
    quote.value(text).parse_next(input)
}

/// Such as `5m` or `1h30m`, in seconds.
fn duration(input: &mut &str) -> Parsed<f64> {
    let unit = alt((
        "ms".value(0.001),
        's'.value(1.0),
        'm'.value(60.0),
        'h'.value(3_600.0),
        'd'.value(86_400.0),
        'w'.value(604_800.0),
        'y'.value(31_536_000.0),
    ));
    let part = (digit1.parse_to::<f64>(), unit).map(|(count, unit): (f64, f64)| count * unit);
    repeat(1.., part).fold(|| 0.0, |all, part| all + part).parse_next(input)
}
