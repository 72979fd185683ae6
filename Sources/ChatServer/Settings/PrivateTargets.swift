import ChatAPI
import ChatWebhooks

/// Whether webhooks may be sent to addresses that are not public.
enum PrivateTargets: String, CaseIterable, Sendable {
    /// If the server listens on a loopback address.
    case auto
    case on, off

    func rules(listeningOn host: String) -> AddressRules {
        switch self {
        case .auto: Authority.isLoopback(host) ? .any : .publicOnly
        case .on: .any
        case .off: .publicOnly
        }
    }
}
