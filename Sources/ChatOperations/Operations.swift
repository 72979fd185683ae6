package import ChatDomain
package import ChatLive

/// The operations of the service: each checks, stores and notifies.
///
/// HTTP and WebSocket parse a request, call one operation and encode its result. Whether a caller may do something is
/// decided here if it needs no membership, and otherwise by the store, together with the write or the read. Commands
/// such as `export` work on the store: who runs them owns the database.
package final class Operations<Store: ServiceStore>: Sendable {
    let store: Store
    let hub: EventHub
    let typing: TypingNotices
    let typingLimiter: TypingLimiter
    let readMarkers: ReadMarkers<Store>
    let streams: HeldMessages<Store>
    let webhookSender: (any WebhookSender)?
    let onSlowMode: @Sendable () -> Void
    let onDeletion: @Sendable () -> Void

    /// - Parameters:
    ///   - typing: Sends typing notices to this process and to others.
    ///   - readMarkers: To write those that wait when the process stops; nil for new ones.
    ///   - streams: To attend to them in the background; nil for new ones.
    ///   - webhookSender: Delivers to webhooks; nil if this process does not.
    ///   - onSlowMode: Called when slow mode refuses a message.
    ///   - onDeletion: Called when a deletion may have left work for the background.
    package init(
        _ store: Store,
        hub: EventHub,
        typing: TypingNotices,
        readMarkers: ReadMarkers<Store>? = nil,
        streams: HeldMessages<Store>? = nil,
        webhookSender: (any WebhookSender)? = nil,
        onSlowMode: @escaping @Sendable () -> Void = {},
        onDeletion: @escaping @Sendable () -> Void = {}
    ) {
        self.store = store
        self.hub = hub
        self.typing = typing
        self.readMarkers = readMarkers ?? ReadMarkers(store)
        self.streams = streams ?? HeldMessages(store, hub: hub)
        self.webhookSender = webhookSender
        self.onSlowMode = onSlowMode
        self.onDeletion = onDeletion
        typingLimiter = TypingLimiter(
            interval: hub.limits.typingInterval,
            chatLimit: hub.limits.maximumTypingPerChat
        )
    }
}
