//! The keys of profiles and checklists, from their types: the tests of the manual compare its tables with these.

#![expect(clippy::unwrap_used, reason = "a table that cannot be made fails its test")]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::ProbeKey;
use super::file::{ChecklistFile, DurationOrZero, PositiveDuration};
use super::profile::ProfileFile;
use super::spec::{self, Day, Decimal, JsonPath, Pattern, TextCheck, TextRule};
use crate::secret::SecretRef;

/// A key of a table of TOML.
#[derive(Clone, Debug)]
pub struct KeyRow {
    /// Its name; below another table, with the names of both: `header[].name`.
    pub key: String,
    /// What its value is: `text`, `list of numbers`, …
    pub kind: String,
    /// Whether it must be there.
    pub is_required: bool,
    /// The default value, where it is a plain one.
    pub default: Option<String>,
    /// What it means.
    pub meaning: String,
}

/// Types of several tables: their keys are documented once, in the manual's page on probes.
pub const SHARED: [(&str, &str); 10] = [
    ("ApiSpec", "an API"),
    ("Tls", "TLS settings"),
    ("TextCheck", "a check of a text"),
    ("JsonCheck", "a check of JSON"),
    ("TextOrSecret", "a text or a secret"),
    ("SecretRef", "a secret's reference"),
    ("SecretValue", "a secret"),
    ("Contact", "a contact"),
    ("WhenNew", "what differs in a new environment"),
    ("Condition", "a condition"),
];

/// The tables of files, whose keys are documented by type.
const FILES: [&str; 8] = [
    "SectionFile",
    "PointFile",
    "ProbeFile",
    "ActionFile",
    "Alternative",
    "PointOverrides",
    "AddedPoint",
    "Notify",
];

macro_rules! kinds {
    ($($kind:literal $spec:ident)*) => {
        /// The keys of `with`, by kind of probe.
        #[must_use]
        pub fn of_probes() -> BTreeMap<&'static str, Vec<KeyRow>> {
            BTreeMap::from([$(($kind, of_type::<spec::$spec>(stringify!($spec)))),*])
        }
    };
}

kinds! {
    "http" HttpSpec "redis" RedisSpec "rabbitmq" RabbitmqSpec "command" CommandSpec "git" GitSpec "ci" CiSpec
    "prometheus" PrometheusSpec "grafana" GrafanaSpec "jaeger" JaegerSpec "otlp" OtlpSpec "registry" RegistrySpec
    "vault" VaultSpec "origins" OriginsSpec "cors" CorsSpec "headers" HeadersSpec "token" TokenSpec
    "pipeline" PipelineSpec "kubernetes" KubernetesSpec "iac" IacSpec "aws-secret" AwsSecretSpec "scan" ScanSpec
    "contacts" ContactsSpec "tcp" TcpSpec "tls" TlsSpec "dns" DnsSpec
}

/// The keys of the tables of profiles and checklists, and of the tables that several have, by the names of their types.
#[must_use]
pub fn of_files() -> BTreeMap<String, Vec<KeyRow>> {
    let mut generator = SchemaGenerator::default();
    for root in [
        generator.subschema_for::<ChecklistFile>(),
        generator.subschema_for::<ProfileFile>(),
        generator.subschema_for::<spec::HttpSpec>(),
        generator.subschema_for::<spec::GrafanaSpec>(),
    ] {
        drop(root);
    }
    let tables = Tables { definitions: generator.take_definitions(true).into_iter().collect() };
    let names = ["ChecklistFile", "ProfileFile"].into_iter().chain(FILES).chain(SHARED.map(|(name, _)| name));
    let rows = names.map(|name| (name.to_owned(), tables.rows(name, "", 0)));
    rows.filter(|(_, rows)| !rows.is_empty()).collect()
}

fn of_type<T: JsonSchema>(name: &str) -> Vec<KeyRow> {
    let mut generator = SchemaGenerator::default();
    drop(generator.subschema_for::<T>());
    Tables { definitions: generator.take_definitions(true).into_iter().collect() }.rows(name, "", 0)
}

struct Tables {
    definitions: BTreeMap<String, Value>,
}

impl Tables {
    /// The keys of a type, and of the types that only it has.
    fn rows(&self, name: &str, prefix: &str, depth: usize) -> Vec<KeyRow> {
        let definition = self.definitions.get(name).unwrap_or(&Value::Null);
        let required = strings(&definition["required"]);
        let is_required = |key: &str| required.contains(&key);
        let mut rows = Vec::new();
        let mut properties: Vec<_> = definition["properties"].as_object().into_iter().flatten().collect();
        // The required ones first, otherwise by name.
        properties.sort_by_key(|(key, _)| !is_required(key));
        for (key, schema) in properties {
            let row = KeyRow {
                key: format!("{prefix}{key}"),
                kind: self.kind(schema),
                is_required: is_required(key),
                default: plain_value(&schema["default"]),
                meaning: meaning(schema),
            };
            rows.push(row);
            rows.extend(self.rows_below(schema, &format!("{prefix}{key}"), depth + 1));
        }
        for variant in definition["oneOf"].as_array().into_iter().flatten() {
            for (key, schema) in variant["properties"].as_object().into_iter().flatten() {
                let meaning = Some(meaning(variant)).filter(|meaning| !meaning.is_empty());
                rows.push(KeyRow {
                    key: format!("{prefix}{key}"),
                    kind: self.kind(schema),
                    is_required: false,
                    default: None,
                    meaning: meaning.unwrap_or_else(|| self::meaning(schema)),
                });
                rows.extend(self.rows_below(schema, &format!("{prefix}{key}"), depth + 1));
            }
        }
        rows
    }

    /// The keys of a value that is a table, or a list of tables.
    fn rows_below(&self, schema: &Value, key: &str, depth: usize) -> Vec<KeyRow> {
        let (schema, dots) = match &schema["items"] {
            Value::Null => (schema, "."),
            items => (items, "[]."),
        };
        match Self::reference(schema) {
            Some(name) if depth < 4 && !is_documented_elsewhere(name) => {
                self.rows(name, &format!("{key}{dots}"), depth)
            }
            _ => Vec::new(),
        }
    }

    /// The type that a schema refers to, also as an optional one.
    fn reference(schema: &Value) -> Option<&str> {
        let any_of = schema["anyOf"].as_array().into_iter().flatten();
        let all_of = schema["allOf"].as_array().into_iter().flatten();
        let reference =
            std::iter::once(schema).chain(any_of).chain(all_of).find_map(|schema| schema["$ref"].as_str());
        reference.and_then(|path| path.rsplit('/').next())
    }

    /// What a value is, for people.
    fn kind(&self, schema: &Value) -> String {
        if let Some(name) = Self::reference(schema) {
            let shared =
                SHARED.iter().find(|(shared, _)| *shared == name).map(|(_, what)| (*what).to_owned());
            return shared.unwrap_or_else(|| self.kind(self.definitions.get(name).unwrap_or(&Value::Null)));
        }
        if let Some(kind) = schema["x-kind"].as_str() {
            return kind.to_owned();
        }
        let words = words_of(schema);
        if !words.is_empty() {
            return words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ");
        }
        let of = |schema: &Value| match schema["type"].as_str() {
            Some("string") => "text".to_owned(),
            Some("integer" | "number") => "number".to_owned(),
            Some("boolean") => "true or false".to_owned(),
            Some("array") => format!("list of {}", plural(&self.kind(&schema["items"]))),
            Some("object") if schema["additionalProperties"].is_object() => {
                format!("table of {}", plural(&self.kind(&schema["additionalProperties"])))
            }
            Some("object") => "table".to_owned(),
            _ => "value".to_owned(),
        };
        match &schema["type"] {
            Value::Array(types) => of(&serde_json::json!({ "type": types[0], "items": schema["items"] })),
            _ if schema["oneOf"].is_array() => "table with one key".to_owned(),
            _ if schema["anyOf"].is_array() => {
                let kinds: Vec<_> =
                    schema["anyOf"].as_array().unwrap().iter().map(|schema| self.kind(schema)).collect();
                kinds.join(" or ")
            }
            _ => of(schema),
        }
    }
}

fn is_documented_elsewhere(name: &str) -> bool {
    SHARED.iter().any(|(shared, _)| *shared == name) || FILES.contains(&name)
}

/// The words that a value can be.
fn words_of(schema: &Value) -> Vec<&str> {
    let one_of = schema["oneOf"].as_array().into_iter().flatten();
    one_of
        .chain([schema])
        .flat_map(|schema| strings(&schema["enum"]).into_iter().chain(schema["const"].as_str()))
        .collect()
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn plural(kind: &str) -> String {
    match kind {
        "text" => "texts".into(),
        "number" => "numbers".into(),
        "table" => "tables".into(),
        _ => kind.strip_prefix("a ").or(kind.strip_prefix("an ")).map_or_else(
            || kind.to_owned(),
            |kind| {
                kind.split_once(' ')
                    .map_or_else(|| format!("{kind}s"), |(noun, rest)| format!("{noun}s {rest}"))
            },
        ),
    }
}

/// The documentation of a field, on one line.
fn meaning(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().replace('\n', " ")
}

/// A default that says something: not an empty or false one.
fn plain_value(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) if number.as_u64() != Some(0) => Some(number.to_string()),
        Value::Bool(true) => Some("true".into()),
        Value::Array(items) if !items.is_empty() => Some(value.to_string()),
        _ => None,
    }
}

impl Serialize for PositiveDuration {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&shown(self.0))
    }
}

/// A time as people write it in a file.
fn shown(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{}ms", time.as_millis()),
        seconds if seconds % 60 == 0 => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}

macro_rules! texts {
    ($($type:ty: $kind:literal),* $(,)?) => {$(
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "x-kind": $kind })
            }
        }
    )*};
}

texts! {
    PositiveDuration: "time",
    DurationOrZero: "time",
    ProbeKey: "`POINT/PROBE`",
    JsonPath: "JSON path",
    Pattern: "regular expression",
    Decimal: "number",
    Day: "date",
}

/// The rules, and `warn` beside them.
impl JsonSchema for TextCheck {
    fn schema_name() -> Cow<'static, str> {
        "TextCheck".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = TextRule::json_schema(generator);
        let warn = serde_json::json!({
            "description": "A text that breaks the rules is a warning, and fails nothing; what cannot be compared, such as a text that is no number, still fails.",
            "properties": { "warn": { "type": "boolean" } },
        });
        schema.get_mut("oneOf").and_then(Value::as_array_mut).unwrap().push(warn);
        schema
    }
}

impl JsonSchema for SecretRef {
    fn schema_name() -> Cow<'static, str> {
        "SecretRef".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let row = |key: &str, kind: Value, what: &str| serde_json::json!({ "description": what, "properties": { key: kind } });
        json_schema!({ "oneOf": [
            row("env", serde_json::json!({ "type": "string" }), "An environment variable."),
            row("file", serde_json::json!({ "type": "string" }), "A file; one trailing line end is not part of the secret."),
            row("command", serde_json::json!({ "type": "array", "items": { "type": "string" } }),
                "A program with arguments, run without a shell; one trailing line end of its output is not part of the secret."),
        ] })
    }
}
