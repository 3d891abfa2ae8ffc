//! Where a request comes from. Behind a proxy every connection comes from the proxy, which says in a header whom it speaks for; anybody
//! else can say so as well, so only those that the settings name are believed.

use std::net::IpAddr;
use std::str::FromStr;

use actix_web::http::header::HeaderMap;

/// Addresses with the same first bits: `10.0.0.0/8`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

/// Not an address, nor a network.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a proxy is an address or a network: 192.0.2.7, 10.0.0.0/8, 2001:db8::/32")]
pub struct NoNetwork;

impl FromStr for Network {
    type Err = NoNetwork;

    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| NoNetwork)?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(all), str::parse).map_err(|_| NoNetwork)?;
        if bits > all { Err(NoNetwork) } else { Ok(Self { address, bits }) }
    }
}

impl Network {
    /// Whether an address belongs to it.
    pub fn has(self, address: IpAddr) -> bool {
        let (one, other, all) = match (self.address, address.to_canonical()) {
            (IpAddr::V4(one), IpAddr::V4(other)) => (one.to_bits().into(), other.to_bits().into(), 32),
            (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits(), other.to_bits(), 128),
            _ => return false,
        };
        let differs: u128 = one ^ other;
        differs.checked_shr(all - self.bits).unwrap_or_default() == 0
    }
}

/// Whom a request comes from: the peer, or where that is a proxy of ours, the last address in `X-Forwarded-For` that is none. What stands
/// before it was said by whoever that is.
pub fn origin(peer: Option<IpAddr>, headers: &HeaderMap, proxies: &[Network]) -> Option<IpAddr> {
    let is_proxy = |address: IpAddr| proxies.iter().any(|network| network.has(address));
    let peer = peer?;
    if !is_proxy(peer) {
        return Some(peer);
    }
    let lines = headers.get_all("x-forwarded-for").filter_map(|value| value.to_str().ok());
    let said: Vec<&str> = lines.flat_map(|value| value.split(',')).map(str::trim).collect();
    let mut last = peer;
    for text in said.into_iter().rev() {
        // Some proxies write the port as well.
        let bare = text.parse().or_else(|_| text.parse::<std::net::SocketAddr>().map(|address| address.ip()));
        let Ok(address) = bare else { break };
        last = address;
        if !is_proxy(address) {
            break;
        }
    }
    Some(last)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn from(peer: &str, said: &[&str], proxies: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in said {
            headers.append(HeaderName::from_static("x-forwarded-for"), HeaderValue::from_str(value).unwrap());
        }
        let proxies: Vec<Network> = proxies.iter().map(|text| text.parse().unwrap()).collect();
        origin(Some(peer.parse().unwrap()), &headers, &proxies).unwrap().to_string()
    }

    #[test]
    fn only_proxies_of_ours_are_believed_and_only_what_they_say_themselves() {
        assert_eq!(from("192.0.2.1", &["198.51.100.9"], &[]), "192.0.2.1", "nobody is believed");
        assert_eq!(from("192.0.2.1", &["198.51.100.9"], &["10.0.0.0/8"]), "192.0.2.1");
        assert_eq!(from("10.1.2.3", &["198.51.100.9"], &["10.0.0.0/8"]), "198.51.100.9");
        assert_eq!(
            from("10.1.2.3", &["203.0.113.5, 198.51.100.9"], &["10.0.0.0/8"]),
            "198.51.100.9",
            "the rest is a claim"
        );
        assert_eq!(from("10.1.2.3", &["203.0.113.5", "198.51.100.9, 10.9.9.9"], &["10.0.0.0/8"]), "198.51.100.9");
        assert_eq!(from("10.1.2.3", &["198.51.100.9:4711"], &["10.1.2.3"]), "198.51.100.9");
        assert_eq!(from("10.1.2.3", &[], &["10.1.2.3"]), "10.1.2.3");
        assert_eq!(from("10.1.2.3", &["junk"], &["10.1.2.3"]), "10.1.2.3");
        assert_eq!(from("::ffff:10.1.2.3", &["2001:db8::7"], &["10.0.0.0/8"]), "2001:db8::7");
        assert_eq!(from("2001:db8::1", &["198.51.100.9"], &["2001:db8::/32"]), "198.51.100.9");
        assert_eq!(from("2001:db9::1", &["198.51.100.9"], &["2001:db8::/32", "0.0.0.0/0"]), "2001:db9::1");
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "x", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "2001:db8::/129", "10.0.0.0/8/8"] {
            assert_eq!(text.parse::<Network>(), Err(NoNetwork), "{text}");
        }
    }
}
