//! CloudFormation's change set: all its pages, and those of its nested stacks.

use super::changes::{ChangeSet, ResourceChange, digest, digest_of};
use super::cloud_formation_set::{Item, Page, StackResources};
use super::printed::json_object;
use super::{run_tool, whole_output};
use crate::probes::deadline::Deadline;
use crate::probes::error::{ProbeError, ProbeResult};
use crate::process::Permit;
use gonogo_core::checklist::spec::{IacQuery, IacSpec};
use gonogo_core::outcome::Observation;

/// The most answers that are read for one change set.
const MAX_PAGES: usize = 100;

/// A page to ask for.
struct PageRequest {
    change_set: String,
    /// The stack, where the change set is not named by its ARN.
    stack: Option<String>,
    /// Where its resources are: empty, or `Nested/`.
    path: String,
    token: Option<String>,
}

/// What was read so far.
#[derive(Default)]
struct ReadPages {
    changes: Vec<ResourceChange>,
    findings: Vec<Observation>,
    digests: Vec<String>,
    waiting: Vec<PageRequest>,
}

pub(super) async fn plan(spec: &IacSpec, permit: &Permit, deadline: &Deadline) -> ProbeResult<ChangeSet> {
    let (Some(stack), Some(change_set)) = (&spec.stack, &spec.change_set) else {
        return Err(ProbeError::new("a CloudFormation change set needs `stack` and `change_set`"));
    };
    let (stack, path) = (Some(stack.clone()), String::new());
    let root = PageRequest { change_set: change_set.clone(), stack, path, token: None };
    let mut read = ReadPages::default();
    let printed = ask(spec, &root, permit, deadline).await?;
    read.add(&root, &printed)?;
    while let Some(request) = read.waiting.pop() {
        let added = if read.digests.len() < MAX_PAGES {
            let printed = ask(spec, &request, permit, deadline).await;
            printed.and_then(|printed| read.add(&request, &printed))
        } else {
            Err(ProbeError::new(format!("more than {MAX_PAGES} pages: not read")))
        };
        read.findings.extend(added.err().map(|why| request.unread(why)));
    }
    Ok(read.finish(spec, permit, deadline).await)
}

async fn ask(
    spec: &IacSpec,
    request: &PageRequest,
    permit: &Permit,
    deadline: &Deadline,
) -> ProbeResult<Vec<u8>> {
    let mut words: Vec<_> = request.stack.iter().map(|stack| format!("--stack-name={stack}")).collect();
    words.push(format!("--change-set-name={}", request.change_set));
    words.extend(request.token.iter().map(|token| format!("--next-token={token}")));
    words.push("--output=json".to_owned());
    whole_output(run_tool(spec, IacQuery::ChangeSet, &words, permit, deadline).await?)
}

impl PageRequest {
    fn unread(&self, why: ProbeError) -> Observation {
        let what = match self.path.as_str() {
            "" => "further changes of the change set".to_owned(),
            path => format!("changes of the nested stack {}", path.trim_end_matches('/')),
        };
        Observation::unknown(what, "all read", why)
    }

    fn is_nested(&self) -> bool {
        !self.path.is_empty()
    }
}

impl ReadPages {
    fn add(&mut self, request: &PageRequest, printed: &[u8]) -> ProbeResult<()> {
        let page = Page::read(printed)?;
        if request.is_nested() && page.change_set_id.as_ref() != Some(&request.change_set) {
            return Err(ProbeError::new("the response is about another change set"));
        }
        if page.next_token.is_some() && page.next_token == request.token {
            return Err(ProbeError::new("the same page was returned again"));
        }
        // Neither whether it can be executed nor where its next page is belongs to what it changes.
        let without = ["CreationTime", "ExecutionStatus", "NextToken", "ResponseMetadata"];
        self.digests.push(digest(json_object(printed), &without)?.to_string());
        if request.token.is_none() {
            self.findings.extend(page.executable(request.is_nested()));
        }
        for item in page.items(&request.path) {
            match item {
                Item::Change(change) => self.changes.push(change),
                Item::Nested { name, change_set } => {
                    let path = format!("{name}/");
                    self.waiting.push(PageRequest { change_set, stack: None, path, token: None });
                }
            }
        }
        let (change_set, stack, path) = (&request.change_set, &request.stack, &request.path);
        let next = page.next_token.map(|token| PageRequest {
            change_set: change_set.clone(),
            stack: stack.clone(),
            path: path.clone(),
            token: Some(token),
        });
        self.waiting.extend(next);
        Ok(())
    }

    /// The change set. Resources that must be there and are not changed are looked for in the stack.
    async fn finish(self, spec: &IacSpec, permit: &Permit, deadline: &Deadline) -> ChangeSet {
        let digest = digest_of(self.digests.iter().map(String::as_str));
        let (changes, findings) = (self.changes, self.findings);
        let mut set = ChangeSet { changes, further: Vec::new(), findings, unlisted: None, digest };
        if spec.required.iter().all(|word| set.count_of(word) > 0) {
            return set;
        }
        let only_changes = "a change set lists only changes";
        set.unlisted = match stack_resources(spec, permit, deadline).await {
            Ok(resources) => {
                let is_part = resources.is_part();
                let is_new =
                    |change: &ResourceChange| set.changes.iter().all(|own| own.address != change.address);
                let unchanged: Vec<_> = resources.unchanged().filter(is_new).collect();
                set.changes.extend(unchanged);
                is_part.then(|| format!("{only_changes}, and nested stacks were not read"))
            }
            Err(why) => Some(format!("{only_changes}, and those of the stack were not read: {why}")),
        };
        set
    }
}

async fn stack_resources(
    spec: &IacSpec,
    permit: &Permit,
    deadline: &Deadline,
) -> ProbeResult<StackResources> {
    let stack = format!("--stack-name={}", spec.stack.as_deref().unwrap_or_default());
    let words = [stack, "--output=json".to_owned()];
    StackResources::read(&whole_output(
        run_tool(spec, IacQuery::StackResources, &words, permit, deadline).await?,
    )?)
}

#[cfg(test)]
mod tests {
    use gonogo_core::outcome::{Class, Outcome};
    use serde_json::{Value, json};

    use super::super::changes::judge;
    use super::*;
    use crate::probes::altered_json::GoodDocument;

    const NESTED: &str = "arn:aws:cloudformation:eu-central-1:111122223333:changeSet/release-Cache/9";

    fn request(path: &str, change_set: &str, token: Option<&str>) -> PageRequest {
        let token = token.map(str::to_owned);
        PageRequest { change_set: change_set.into(), stack: None, path: path.into(), token }
    }

    fn page(more: Value, changes: &Value) -> Vec<u8> {
        let mut page =
            json!({"Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE", "Changes": changes});
        let Value::Object(more) = more else { unreachable!() };
        page.as_object_mut().unwrap().extend(more);
        page.to_string().into_bytes()
    }

    fn resource(name: &str, kind: &str) -> Value {
        json!({"Type": "Resource", "ResourceChange": {"Action": "Modify", "LogicalResourceId": name, "ResourceType": kind,
            "Replacement": "True"}})
    }

    #[test]
    fn a_nested_change_set_is_followed() {
        let mut nested = resource("Cache", super::super::cloud_formation_set::STACK);
        nested["ResourceChange"]["ChangeSetId"] = json!(NESTED);
        let mut read = ReadPages::default();
        read.add(&request("", "release", None), &page(json!({}), &json!([nested]))).unwrap();
        let waiting = read.waiting.pop().unwrap();
        assert_eq!((waiting.change_set.as_str(), waiting.path.as_str()), (NESTED, "Cache/"));
        let another = page(json!({"ChangeSetId": "another"}), &json!([]));
        assert!(read.add(&waiting, &another).unwrap_err().to_string().contains("another change set"));
        let own = json!({"ChangeSetId": NESTED, "ExecutionStatus": "UNAVAILABLE"});
        read.add(&waiting, &page(own, &json!([resource("Redis", "AWS::ElastiCache::ReplicationGroup")])))
            .unwrap();
        assert_eq!(read.changes[0].address, "Cache/Redis");
        assert!(read.findings.is_empty(), "{:?}", read.findings);
    }

    /// Whether a change set passes of which this is the only page.
    fn judged(printed: &[u8]) -> Class {
        let spec = json!({"tool": "cloudformation", "directory": ".", "required": ["queue"]});
        let spec = serde_json::from_value(spec).unwrap();
        let mut read = ReadPages::default();
        let added = read.add(&request("", "release", None), printed);
        if added.is_err() || !read.waiting.is_empty() {
            return Class::Error;
        }
        let (changes, findings) = (read.changes, read.findings);
        let digest = digest_of(read.digests.iter().map(String::as_str));
        let set = ChangeSet { changes, further: Vec::new(), findings, unlisted: None, digest };
        Outcome::of(judge(&spec, set), "").class
    }

    #[test]
    fn no_altered_change_set_passes_without_what_carries_it() {
        let queue = json!({"Type": "Resource", "ResourceChange": {"Action": "Add", "LogicalResourceId": "queue",
            "ResourceType": "AWS::AmazonMQ::Broker"}});
        let json = json!({"Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE", "Changes": [queue]});
        let carriers =
            ["/Status", "/ExecutionStatus", "/Changes", "/Changes/0", "/Changes/0/ResourceChange/Action"];
        GoodDocument { json, carriers: &carriers, maps: &[] }.check(judged);
    }

    #[test]
    fn all_pages_are_read() {
        let mut read = ReadPages::default();
        let first = page(json!({"NextToken": "2"}), &json!([resource("A", "AWS::S3::Bucket")]));
        read.add(&request("", "release", None), &first).unwrap();
        assert_eq!(read.waiting.pop().unwrap().token.as_deref(), Some("2"));
        let again = read.add(&request("", "release", Some("2")), &first).unwrap_err();
        assert_eq!(again.to_string(), "the same page was returned again");
    }

    #[test]
    fn the_digest_is_of_the_changes_and_not_of_their_execution() {
        let digest = |more: Value| {
            let mut read = ReadPages::default();
            read.add(&request("", "release", None), &page(more, &json!([resource("A", "AWS::S3::Bucket")])))
                .unwrap();
            read.digests
        };
        assert_eq!(
            digest(json!({})),
            digest(json!({"ExecutionStatus": "OBSOLETE", "CreationTime": "2026-05-05"}))
        );
        assert_ne!(digest(json!({})), digest(json!({"Capabilities": ["CAPABILITY_IAM"]})));
    }
}
