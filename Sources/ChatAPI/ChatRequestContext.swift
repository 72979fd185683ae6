import ChatDomain
import ChatIdentity
package import Hummingbird
import NIOCore

/// The state of a request in middleware and handlers.
package struct ChatRequestContext: RequestContext {
    /// Hummingbird's part: the logger, the path parameters and the matched pattern.
    package var coreContext: CoreRequestContextStorage
    /// The connection, which streams write to directly.
    let channel: any Channel
    private let identity = RequestIdentity()

    /// Called by Hummingbird for each request.
    package init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }

    /// The verified credential; nil for a request without one.
    var credential: Credential? {
        get { identity.credential }
        nonmutating set { identity.credential = newValue }
    }

    /// Where the request is counted; nil if no route has matched.
    var route: RouteMetrics? {
        get { identity.route }
        nonmutating set { identity.route = newValue }
    }

    /// In whose name the request is made, and with which rights.
    var caller: Caller {
        credential?.caller ?? .anonymous
    }

    /// The client address, for the log.
    var address: String {
        channel.clientAddress
    }

    /// Who counts as one client; see `AddressBlock`.
    var client: String {
        channel.client
    }
}
