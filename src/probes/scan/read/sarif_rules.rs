//! The rules of a SARIF run, and the severity of a result by its own properties, its rule and its configuration.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::sarif::{SarifConfiguration, SarifInvocation, SarifResult, SarifRun};
use super::{or_default, scored};
use gonogo_core::checklist::spec::Severity;

#[derive(Default, Deserialize)]
pub(super) struct SarifTool {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) driver: SarifComponent,
    #[serde(default, deserialize_with = "or_default")]
    extensions: Vec<SarifComponent>,
}

#[derive(Default, Deserialize)]
pub(super) struct SarifComponent {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) name: String,
    #[serde(default, deserialize_with = "or_default")]
    rules: Vec<SarifRule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SarifRule {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) id: String,
    #[serde(default, deserialize_with = "or_default")]
    default_configuration: SarifConfiguration,
    #[serde(default, deserialize_with = "or_default")]
    properties: SeverityProperties,
}

/// GitHub's property, a CVSS score:
/// <https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning>.
#[derive(Default, Deserialize)]
pub(super) struct SeverityProperties {
    #[serde(rename = "security-severity", default)]
    score: Value,
    #[serde(default, deserialize_with = "or_default")]
    tags: Vec<Value>,
}

/// A reference to a rule (3.52); -1 is no index.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RuleReference {
    pub(super) id: Option<String>,
    index: Option<i64>,
    #[serde(default, deserialize_with = "or_default")]
    tool_component: ComponentReference,
}

#[derive(Default, Deserialize)]
struct ComponentReference {
    index: Option<i64>,
}

/// All rules of a tool by their ids; the driver's before those of its extensions.
pub(super) type RuleIndex<'a> = BTreeMap<&'a str, &'a SarifRule>;

impl SarifTool {
    pub(super) fn index(&self) -> RuleIndex<'_> {
        let mut index = RuleIndex::new();
        for rule in [&self.driver].into_iter().chain(&self.extensions).flat_map(|component| &component.rules)
        {
            index.entry(&rule.id).or_insert(rule);
        }
        index
    }

    /// The rule of a result (3.27.5 to 3.27.7): by its index if that is the rule of its id, else by its id.
    pub(super) fn rule<'a>(&'a self, result: &SarifResult, rules: &RuleIndex<'a>) -> Option<&'a SarifRule> {
        let id = result.rule_id.as_deref().or(result.rule.id.as_deref());
        let by_index = self.at(&result.rule, result.rule_index);
        let is_of_id = |rule: &&SarifRule| id.is_none_or(|id| is_or_is_below(id, &rule.id));
        by_index.filter(is_of_id).or_else(|| by_id(id?, rules)).or(by_index)
    }

    fn at(&self, reference: &RuleReference, index: Option<i64>) -> Option<&SarifRule> {
        let is_index = |index: &i64| *index >= 0;
        let place = |index: Option<i64>| usize::try_from(index.filter(is_index)?).ok();
        let component = match reference.tool_component.index.filter(is_index) {
            Some(index) => self.extensions.get(usize::try_from(index).ok()?)?,
            None => &self.driver,
        };
        component.rules.get(place(reference.index).or_else(|| place(index))?)
    }
}

/// Whether an id is the rule's, or a hierarchical one below it (3.27.5): `rule/part`.
fn is_or_is_below(id: &str, rule: &str) -> bool {
    id.strip_prefix(rule).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn by_id<'a>(id: &str, rules: &RuleIndex<'a>) -> Option<&'a SarifRule> {
    let parents = std::iter::successors(Some(id), |id| id.rsplit_once('/').map(|(parent, _)| parent));
    parents.into_iter().find_map(|id| rules.get(id).copied())
}

impl SarifResult {
    /// By its own score, its rule's score, or its level. None is unknown.
    ///
    /// # Errors
    /// It is a notice without severity.
    pub(super) fn severity(
        &self,
        run: &SarifRun,
        rule: Option<&SarifRule>,
    ) -> Result<Option<Severity>, &'static str> {
        if rule.is_some_and(|rule| rule.properties.is_unknown()) {
            return Ok(None);
        }
        let score = self.properties.severity().or_else(|| rule?.properties.severity());
        match (score, self.effective_level(run, rule)) {
            (Some(severity), _) => Ok(Some(severity)),
            (None, "error") => Ok(Some(Severity::High)),
            (None, "warning") => Ok(Some(Severity::Medium)),
            (None, "note") => Ok(Some(Severity::Low)),
            (None, "none") => Err("a notice: its level is none"),
            (None, _) => Ok(None),
        }
    }

    /// Its level, else what the invocation or the rule gives, else a warning (3.27.10).
    fn effective_level<'a>(&'a self, run: &'a SarifRun, rule: Option<&'a SarifRule>) -> &'a str {
        let configured = || {
            let rule = rule?;
            let configured = self.invocation(run).and_then(|invocation| invocation.level_of(run, rule));
            configured.or(rule.default_configuration.level.as_deref())
        };
        self.level.as_deref().or_else(configured).unwrap_or("warning")
    }

    /// The invocation that produced it: if it does not say which, the only one.
    fn invocation<'a>(&self, run: &'a SarifRun) -> Option<&'a SarifInvocation> {
        match (self.provenance.invocation_index, run.invocations.as_slice()) {
            (Some(index), all) if index >= 0 => all.get(usize::try_from(index).ok()?),
            (_, [only]) => Some(only),
            _ => None,
        }
    }
}

impl SarifInvocation {
    /// The level that it gives a rule.
    fn level_of(&self, run: &SarifRun, rule: &SarifRule) -> Option<&str> {
        let is_of_rule = |descriptor: &RuleReference| match &descriptor.id {
            Some(id) => *id == rule.id,
            None => run.tool.at(descriptor, None).is_some_and(|found| std::ptr::eq(found, rule)),
        };
        let given = self.rule_configuration_overrides.iter().find(|given| is_of_rule(&given.descriptor))?;
        given.configuration.level.as_deref()
    }
}

impl SeverityProperties {
    /// Trivy gives what it cannot rate the score 0 and this tag.
    fn is_unknown(&self) -> bool {
        self.tags.iter().any(|tag| tag == "UNKNOWN")
    }

    fn severity(&self) -> Option<Severity> {
        let score = self.score.as_f64().or_else(|| self.score.as_str()?.trim().parse().ok())?;
        scored(score)
    }
}
