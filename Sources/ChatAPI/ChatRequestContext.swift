import ChatDomain
package import Hummingbird
import NIOCore

/// What travels with a request through middleware and handlers.
package struct ChatRequestContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    /// The connection, which a response that never ends writes to.
    let channel: any Channel
    let caller = Caller.anonymous

    package init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }

    /// Whose requests and streams are counted together.
    var address: String {
        channel.clientAddress
    }
}
