package import ChatDomain
import Synchronization

/// The users who have an open stream, WebSocket or long poll on this server.
package final class ConnectedUsers: Sendable {
    private let hub = Mutex<EventHub?>(nil)

    package init() {}

    /// Reads them from a hub from now on.
    package func read(from hub: EventHub) {
        self.hub.withLock { $0 = hub }
    }

    /// Returns their ids; none before there is a hub.
    package func ids() async -> Set<UserID> {
        let hub = hub.withLock(\.self)
        return Set(await hub?.streams().compactMap(\.peer.user) ?? [])
    }
}
