import ChatDomain
import ChatIdentity
import HTTPConnections
import NIOCore

/// Whose quota a request takes from.
enum RatedClient: Hashable {
    case user(UserID)
    case address(AddressBlock)

    /// The user of a credential or, without one, the address; nil for a server key, which has no limit.
    ///
    /// A server key that acts as a user has none either: its requests come from the application's own backend. A ticket
    /// that such a key has made is in the hands of the user.
    init?(_ credential: Credential?, from address: SocketAddress?) {
        guard let credential else {
            self = .address(AddressBlock(address))
            return
        }
        if case .serverKey = credential.source { return nil }
        guard let user = credential.caller.author else { return nil }
        self = .user(user)
    }
}
