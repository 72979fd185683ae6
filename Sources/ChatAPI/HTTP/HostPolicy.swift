/// Which hosts' requests are served.
///
/// A web page can make its own name resolve to this server (DNS rebinding): to the browser, both are the same site then,
/// and the page may read and write here. The browser still names the page's host in `Host`.
package enum HostPolicy: Hashable, Sendable {
    case any
    /// Hosts in lower case and without a port, and beside them this machine's own names if `loopback` is set.
    case only(Set<String>, loopback: Bool)

    /// - Parameter names: Hosts that are served; empty if none are named, for which a server that listens on a loopback
    ///   address serves only this machine, and any other one every host.
    package init(_ names: Set<String>, listeningOn host: String) {
        let loopback = (Authority(host) ?? Authority("[\(host)]"))?.isLoopback ?? false
        self = names.isEmpty && !loopback ? .any : .only(names, loopback: loopback)
    }

    package func allows(_ authority: Authority) -> Bool {
        switch self {
        case .any: true
        case .only(let names, let loopback): names.contains(authority.host) || loopback && authority.isLoopback
        }
    }
}
