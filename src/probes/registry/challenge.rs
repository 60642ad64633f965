//! What a server asks for: the challenges of `WWW-Authenticate` (RFC 9110, 11.6.1).

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// One challenge.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    /// In lower case.
    scheme: String,
    /// The names in lower case.
    parameters: Vec<(String, String)>,
}

impl Challenge {
    pub(super) fn is(&self, scheme: &str) -> bool {
        self.scheme == scheme
    }

    /// A parameter that is not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.parameters.iter().find(|(key, _)| key == name)?;
        (!value.is_empty()).then_some(value)
    }
}

/// All challenges of an answer. Several may be in one header, and each in one of its own.
pub(super) fn challenges(headers: &HeaderMap) -> Vec<Challenge> {
    let values = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(read).collect()
}

fn read(text: &str) -> Vec<Challenge> {
    let mut challenges: Vec<Challenge> = Vec::new();
    for element in elements(text) {
        let (first, rest) = element.split_once(char::is_whitespace).unwrap_or((element, ""));
        let is_parameter = first.contains('=') || rest.trim_start().starts_with('=');
        let parameter = if is_parameter { element } else { rest };
        if !is_parameter {
            challenges.push(Challenge { scheme: first.to_ascii_lowercase(), parameters: Vec::new() });
        }
        let pair =
            parameter.split_once('=').map(|(key, value)| (key.trim().to_ascii_lowercase(), unquote(value)));
        challenges.last_mut().into_iter().for_each(|challenge| challenge.parameters.extend(pair.clone()));
    }
    challenges
}

/// The parts between commas that are not in quotes.
fn elements(text: &str) -> Vec<&str> {
    let (mut elements, mut begin, mut is_quoted, mut is_escaped) = (Vec::new(), 0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => {
                elements.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    elements.push(&text[begin..]);
    elements.into_iter().map(str::trim).filter(|element| !element.is_empty()).collect()
}

fn unquote(value: &str) -> String {
    let value = value.trim();
    let inner = value.strip_prefix('"').map(|rest| rest.strip_suffix('"').unwrap_or(rest));
    inner.map_or_else(|| value.to_owned(), |inner| inner.replace("\\\"", "\"").replace("\\\\", "\\"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schemes(text: &str) -> Vec<String> {
        read(text).into_iter().map(|challenge| challenge.scheme).collect()
    }

    #[test]
    fn a_challenge_is_read_however_it_is_written() {
        for text in [
            r#"Bearer realm="https://auth.example/token",service="reg",scope="repository:a:pull,push""#,
            r"bearer realm=https://auth.example/token, service=reg, scope=repository:a:pull",
            r#"BEARER Realm = "https://auth.example/token" , SERVICE="reg",error="invalid_token""#,
            r#"Basic realm="a, b", Bearer realm="https://auth.example/token",service="reg""#,
            r#"Negotiate abc==, Bearer service="reg",realm="https://auth.example/token""#,
        ] {
            let all = read(text);
            let bearer = all.iter().find(|challenge| challenge.is("bearer")).unwrap();
            assert_eq!(bearer.get("realm"), Some("https://auth.example/token"), "{text}");
            assert_eq!(bearer.get("service"), Some("reg"), "{text}");
        }
        let scope = read(r#"Bearer realm="x",scope="repository:a:pull,push",service="""#);
        assert_eq!(scope[0].get("scope"), Some("repository:a:pull,push"));
        assert_eq!(scope[0].get("service"), None);
        assert_eq!(read(r#"Basic realm="a \"b\" c""#)[0].get("realm"), Some("a \"b\" c"));
        assert_eq!(schemes("Basic"), ["basic"]);
        assert_eq!(schemes("Digest qop=auth, realm=\"x\", Basic realm=y"), ["digest", "basic"]);
        assert!(schemes("").is_empty());
    }
}
