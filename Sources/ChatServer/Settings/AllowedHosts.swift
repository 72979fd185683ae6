import ChatAPI

/// The hosts the server is configured to serve.
enum AllowedHosts: Sendable {
    /// Loopback names if the server listens on a loopback address, otherwise any host.
    case automatic
    case any
    case only(Set<String>)

    init?(setting text: String) {
        switch text {
        case "auto": self = .automatic
        case "any": self = .any
        default:
            var hosts: Set<String> = []
            for name in text.split(separator: ",", omittingEmptySubsequences: false) {
                guard let authority = Authority(String(name)) ?? Authority("[\(name)]"), authority.port == nil else {
                    return nil
                }
                hosts.insert(authority.host)
            }
            self = .only(hosts)
        }
    }

    func policy(listeningOn address: String) -> HostPolicy {
        switch self {
        case .automatic: HostPolicy([], listeningOn: address)
        case .any: .any
        case .only(let hosts): HostPolicy(hosts, listeningOn: address)
        }
    }
}
