import ChatDomain
import ChatIdentity
import HTTPConnections
package import Hummingbird
import NIOCore

/// The state of a request in middleware and handlers.
package struct ChatRequestContext: RequestContext {
    /// Hummingbird's part: the logger, the path parameters and the matched pattern.
    package var coreContext: CoreRequestContextStorage
    /// The connection, which streams write to directly.
    let channel: any Channel
    /// The address of the client: of the connection or, if that is a trusted proxy's, the one that the proxy reports.
    var remoteAddress: SocketAddress?
    /// The trace that the request is part of; nil for none.
    var trace: TraceParent?
    private let identity = RequestIdentity()

    /// Called by Hummingbird for each request.
    package init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
        remoteAddress = source.channel.remoteAddress
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

    /// What the request has left of its quota; nil if it has no limit.
    var rateUse: RateUse? {
        get { identity.rateUse }
        nonmutating set { identity.rateUse = newValue }
    }

    /// Whose quota the request takes from; nil for one without a limit.
    var ratedClient: RatedClient? {
        RatedClient(credential, from: remoteAddress)
    }

    /// In whose name the request is made, and with which rights.
    var caller: Caller {
        credential?.caller ?? .anonymous
    }

    /// The client address, for the log.
    var address: String {
        remoteAddress?.clientText ?? ""
    }

    /// Who counts as one client; see `AddressBlock`.
    var client: String {
        AddressBlock(remoteAddress).description
    }
}
