import ChatIdentity
import HTTPConnections
import HTTPTypes
import Hummingbird
import NIOCore

/// Decides from its head that a request will be refused for its rate, so that its body need not be read.
struct BodyRefusal: Sendable {
    let limits: RequestLimits
    let authenticator: Authenticator
    let proxies: TrustedProxies
    let routes: RouteTable

    /// False if that is not known yet: the credential of the request was not verified before.
    func refusesPost(_ head: HTTPRequest, from peer: SocketAddress?) -> Bool {
        guard limits.areOn else { return false }
        let request = Request(head: head, body: RequestBody(buffer: ByteBuffer()))
        guard let presented = try? request.presentedCredential(authenticator.mode, acceptsTickets: false) else {
            guard authenticator.mode == .open else { return false }
            let address = proxies.client(of: head.headerFields, from: peer)
            return refusesPost(head, by: RatedClient(nil, from: address))
        }
        let credential = presented.tokens.lazy.compactMap { authenticator.knownCredential(ofToken: $0) }.first
        return credential.map { refusesPost(head, by: RatedClient($0, from: peer)) } ?? false
    }

    private func refusesPost(_ head: HTTPRequest, by client: RatedClient?) -> Bool {
        limits.refuses(.posts, by: client) && routes.ratePolicy(of: head) == .posts
    }
}
