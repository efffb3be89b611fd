//! Impersonation headers: acting as someone else, for who may (Kubernetes documentation, "User impersonation").

use std::collections::BTreeMap;

use super::{ANONYMOUS, AUTHENTICATED, Attributes, UNAUTHENTICATED, UserInfo, service_account};
use crate::error::ApiError;

const EXTRA: &str = "impersonate-extra-";

/// Whom the headers ask to be.
#[derive(Debug)]
pub(super) struct Request(UserInfo);

/// The request in the headers, `None` without any.
pub(super) fn requested(headers: &http::HeaderMap) -> Result<Option<Request>, ApiError> {
    let text = |value: &http::HeaderValue| {
        value.to_str().map(str::to_owned).map_err(|_| ApiError::bad_request("impersonation headers must be ASCII"))
    };
    let one = |name: &str| headers.get(name).map(text).transpose().map(Option::unwrap_or_default);
    let username = one("impersonate-user")?;
    let uid = one("impersonate-uid")?;
    let groups = headers.get_all("impersonate-group").iter().map(text).collect::<Result<Vec<_>, _>>()?;
    let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        if let Some(key) = name.as_str().strip_prefix(EXTRA) {
            extra.entry(percent_decoded(key)).or_default().push(text(value)?);
        }
    }
    if !username.is_empty() {
        return Ok(Some(Request(UserInfo { username, uid, groups, extra })));
    }
    if groups.is_empty() && extra.is_empty() && uid.is_empty() {
        return Ok(None);
    }
    Err(ApiError::bad_request("requested groups, uid or extra without impersonating a user"))
}

/// Keys are percent-encoded where HTTP allows no such character (RFC 3986, 2.1); what is no escape stays as it is.
fn percent_decoded(key: &str) -> String {
    let bytes = key.as_bytes();
    let digit = |i: usize| bytes.get(i).and_then(|b| char::from(*b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
    let (mut out, mut i) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(byte) = bytes.get(i) {
        if let (b'%', Some(high), Some(low)) = (byte, digit(i + 1), digit(i + 2)) {
            out.push(high << 4 | low);
            i += 3;
        } else {
            out.push(*byte);
            i += 1;
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| key.to_owned())
}

impl Request {
    /// What the asking user must be allowed: `impersonate` on each part.
    pub(super) fn attributes(&self) -> Vec<Attributes<'_>> {
        const GROUP: &str = "authentication.k8s.io";
        let user = &self.0;
        let on =
            |group, resource, name| Attributes { verb: "impersonate", group, resource, name, ..Attributes::default() };
        let mut all = vec![match service_account::parse_username(&user.username) {
            Some((namespace, name)) => Attributes { namespace, ..on("", "serviceaccounts", name) },
            None => on("", "users", user.username.as_str()),
        }];
        all.extend(user.groups.iter().map(|g| on("", "groups", g)));
        for (key, values) in &user.extra {
            all.extend(values.iter().map(|v| Attributes { subresource: key, ..on(GROUP, "userextras", v) }));
        }
        if !user.uid.is_empty() {
            all.push(on(GROUP, "uids", &user.uid));
        }
        all
    }

    /// The impersonated user, with the groups that the name implies.
    pub(super) fn into_user(self) -> UserInfo {
        let mut user = self.0;
        if user.groups.is_empty()
            && let Some((namespace, _)) = service_account::parse_username(&user.username)
        {
            user.groups = service_account::groups(namespace);
        }
        if user.username == ANONYMOUS {
            user.join(UNAUTHENTICATED);
        } else if !user.is_in(UNAUTHENTICATED) {
            user.join(AUTHENTICATED);
        }
        user
    }
}
