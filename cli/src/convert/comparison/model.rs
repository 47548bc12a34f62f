//! The gateway, as far as it decides who may call what, with what the documentation promises where a plugin has no
//! counterpart. It knows nothing of how a file is converted.

use super::file::{CONSUMERS, File, Kind, Plugin};

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    Nobody,
    /// With the consumer's token in `Authorization`.
    Consumer(usize),
    /// With a token that another secret has signed.
    Forger(usize),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    /// The service and its route whose path it has; none for a path that no route has.
    pub route: Option<(usize, usize)>,
    pub caller: Caller,
    /// Whether a browser asks before it calls.
    pub is_preflight: bool,
}

impl Request {
    pub(super) fn all() -> Vec<Self> {
        let routes = [Some((0, 0)), Some((0, 1)), Some((1, 0)), Some((1, 1)), None];
        let consumers = 0..CONSUMERS.len();
        let callers: Vec<Caller> = [Caller::Nobody]
            .into_iter()
            .chain(consumers.clone().map(Caller::Consumer))
            .chain(consumers.map(Caller::Forger))
            .collect();
        let each = routes.into_iter().flat_map(|route| callers.iter().map(move |caller| (route, *caller)));
        each.flat_map(|(route, caller)| [false, true].map(|is_preflight| Self { route, caller, is_preflight }))
            .collect()
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// It reaches the service, as somebody or as nobody.
    Passes(Option<String>),
    Refused,
    /// Until a person decides.
    Unavailable,
    Answered(u16),
    /// A browser is told what it may do.
    Preflight,
}

/// Plugins that keep nobody out.
const HARMLESS: [&str; 3] = ["cors", "rate-limiting", "prometheus"];
/// Plugins that find out who calls, or go by that: none can be for one consumer.
const AUTHENTICATE: [&str; 5] = ["jwt", "acl", "key-auth", "oauth2", "openid-connect"];
const UNDERSTOOD: [&str; 4] = ["jwt", "acl", "cors", "request-termination"];

impl File {
    pub(super) fn fate(&self, request: &Request) -> Fate {
        let Some(route) = request.route.filter(|(service, _)| self.services[*service]) else {
            return Fate::Answered(404);
        };
        if self.only_gets && request.is_preflight && route == (1, 1) {
            return self.fate(&Request { route: Some((1, 0)), ..*request });
        }
        if self.has_sni && route == (0, 1) {
            // Which name the handshake had is not known.
            return match self.is_guarded(route) {
                true => match self.authenticated(route, request) {
                    Ok(_) => Fate::Unavailable,
                    Err(refusal) => refusal,
                },
                false => self.fate(&Request { route: Some((0, 0)), ..*request }),
            };
        }
        let (is_closed, termination) = (self.is_closed(route), self.in_force("request-termination", route));
        let answers_itself = is_closed || termination.is_some();
        let cors = self.in_force("cors", route);
        if request.is_preflight && !answers_itself && matches!(cors, Some(Kind::Cors { continues: false })) {
            return Fate::Preflight;
        }
        match self.authenticated(route, request) {
            Err(refusal) => refusal,
            Ok(_) if is_closed => Fate::Unavailable,
            Ok(_) if termination.is_some() => Fate::Answered(410),
            Ok(consumer) => Fate::Passes(consumer.map(|number| CONSUMERS[number].to_owned())),
        }
    }

    /// As whom a request comes through the plugins that find out who calls.
    fn authenticated(&self, route: (usize, usize), request: &Request) -> Result<Option<usize>, Fate> {
        let Some(Kind::Jwt { anonymous, run_on_preflight, is_in_authorization }) = self.in_force("jwt", route) else {
            return Ok(None);
        };
        let acl = self.in_force("acl", route);
        if request.is_preflight && !run_on_preflight && acl.is_none() {
            return Ok(None);
        }
        let bearer = match request.caller {
            Caller::Consumer(number) if *is_in_authorization && self.consumers[number].has_credential => Some(number),
            _ => None,
        };
        let comes_in = |number: &usize| !self.is_barred(*number);
        let anonymous = anonymous.map(|_| CONSUMERS.len() - 1).filter(comes_in);
        let consumer = bearer.filter(comes_in).or(anonymous).ok_or(Fate::Refused)?;
        let is_admitted = match acl {
            Some(Kind::Acl { allows, groups, .. }) => {
                let is_in = self.consumers[consumer].groups.iter().any(|group| groups.contains(group));
                is_in == *allows
            }
            _ => true,
        };
        if is_admitted { Ok(Some(consumer)) } else { Err(Fate::Refused) }
    }

    /// The plugins that run for a route.
    fn running(&self, (service, route): (usize, usize)) -> impl Iterator<Item = &Plugin> {
        self.plugins.iter().filter(move |plugin| {
            plugin.is_enabled
                && plugin.scope.service.is_none_or(|it| it == service)
                && plugin.scope.route.is_none_or(|it| it == (service, route))
        })
    }

    /// The configuration of a plugin that counts for a route: the most specific one.
    fn in_force(&self, name: &str, route: (usize, usize)) -> Option<&Kind> {
        let mut plugins: Vec<&Plugin> = self
            .running(route)
            .filter(|plugin| plugin.kind.name() == name && plugin.scope.consumer.is_none() && !plugin.scope.is_of_group)
            .collect();
        let rank = |plugin: &&Plugin| match (plugin.scope.route, plugin.scope.service) {
            (Some(_), Some(_)) => 0,
            (Some(_), None) => 1,
            (None, Some(_)) => 2,
            (None, None) => 3,
        };
        plugins.sort_by_key(rank);
        // One that depends on the request has no counterpart.
        plugins.into_iter().map(|plugin| &plugin.kind).find(|kind| **kind != (Kind::Termination { trigger: true }))
    }

    /// Whether a plugin that may keep people out has no counterpart.
    fn is_closed(&self, route: (usize, usize)) -> bool {
        let is_lost = self.running(route).any(|plugin| {
            let name = plugin.kind.name();
            let is_understood = UNDERSTOOD.contains(&name)
                && !plugin.scope.is_of_group
                && plugin.kind != (Kind::Termination { trigger: true });
            match plugin.scope.consumer {
                Some(_) => AUTHENTICATE.contains(&name),
                None => !is_understood && !HARMLESS.contains(&name),
            }
        });
        let has = |name| self.in_force(name, route).is_some();
        is_lost || has("acl") && !has("jwt")
    }

    fn is_guarded(&self, route: (usize, usize)) -> bool {
        let has = |name| self.in_force(name, route).is_some();
        self.is_closed(route) || has("jwt") || has("request-termination")
    }

    /// Whether a plugin may keep this one consumer out.
    fn is_barred(&self, consumer: usize) -> bool {
        let of = |plugin: &&Plugin| plugin.is_enabled && plugin.scope.consumer == Some(consumer);
        self.plugins.iter().filter(of).any(|plugin| !HARMLESS.contains(&plugin.kind.name()))
    }
}
