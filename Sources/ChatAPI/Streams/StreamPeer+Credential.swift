import ChatDomain
import ChatIdentity
import ChatLive

extension StreamPeer {
    /// - Parameter credential: Nil for an anonymous client.
    init(_ kind: Kind, address: String, _ credential: Credential?) {
        self.init(kind, address: address, user: credential?.caller.author, serverKey: credential?.serverKeyID)
    }
}
