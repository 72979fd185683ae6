package import ChatDomain
package import ChatLive
import Synchronization

/// The operations of the service: each checks, stores and notifies.
///
/// HTTP and WebSocket parse a request, call one operation and encode its result. Whether a caller may do something is
/// decided here and nowhere else. Commands such as `export` work on the store: who runs them owns the database.
package final class Operations<Store: ServiceStore>: Sendable {
    let store: Store
    let hub: EventHub
    let typing: TypingNotices
    let typingLimiter: Mutex<TypingLimiter>
    let onChatDeleted: @Sendable () -> Void

    /// - Parameters:
    ///   - typing: Sends typing notices to this process and to others.
    ///   - onChatDeleted: Called when a deleted chat may need purging.
    package init(
        _ store: Store,
        hub: EventHub,
        typing: TypingNotices,
        onChatDeleted: @escaping @Sendable () -> Void = {}
    ) {
        self.store = store
        self.hub = hub
        self.typing = typing
        self.onChatDeleted = onChatDeleted
        typingLimiter = Mutex(
            TypingLimiter(
                interval: hub.limits.typingInterval,
                chatLimit: hub.limits.maximumTypingPerChat,
                clientLimit: hub.limits.maximumTypingPerAddress
            )
        )
    }
}
