/// The hosts whose requests are served.
///
/// A web page can make its own name resolve to this server (DNS rebinding). To the browser, both are then the same
/// site, and the page may read and write here. The browser still sends the host of the page in `Host`.
package enum HostPolicy: Hashable, Sendable {
    case any
    /// Hosts in lower case without a port, and the loopback names of this machine if `loopback` is set.
    case only(Set<String>, loopback: Bool)

    /// Serves the named hosts and, if the server listens on a loopback address, this machine.
    ///
    /// - Parameters:
    ///   - names: Hosts to serve. If empty, a server on a loopback address serves only this machine, and any other
    ///     server serves every host.
    ///   - host: The address the server listens on.
    package init(_ names: Set<String>, listeningOn host: String) {
        let loopback = Authority.isLoopback(host)
        self = names.isEmpty && !loopback ? .any : .only(names, loopback: loopback)
    }

    /// Compares the host and ignores the port.
    package func allows(_ authority: Authority) -> Bool {
        switch self {
        case .any: true
        case .only(let names, let loopback): names.contains(authority.host) || loopback && authority.isLoopback
        }
    }
}
