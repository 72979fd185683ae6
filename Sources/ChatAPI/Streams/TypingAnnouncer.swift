import ChatDomain
import ChatLive
import HTTPTypes
import Synchronization

/// Shows the readers of chats who is typing, over HTTP and WebSockets alike.
final class TypingAnnouncer<Store: ChatStore>: Sendable {
    private let store: Store
    private let notices: TypingNotices
    private let limiter: Mutex<TypingLimiter>

    init(_ store: Store, _ notices: TypingNotices, _ limits: StreamLimits) {
        self.store = store
        self.notices = notices
        limiter = Mutex(
            TypingLimiter(
                interval: limits.typingInterval,
                chatLimit: limits.maximumTypingPerChat,
                addressLimit: limits.maximumTypingPerAddress
            )
        )
    }

    /// Shows it at once or, where the chat has enough of it, never; the client need not know which.
    ///
    /// - Throws: `APIError.tooManyTypingEvents` to an address that floods; `StoreError.chatNotFound`.
    func announce(_ typing: Typing, from address: String) async throws {
        let now = ContinuousClock.now
        guard limiter.withLock({ $0.admitsEvent(from: address, at: now) }) else { throw APIError.tooManyTypingEvents }
        // Before the database is asked for the chat.
        if limiter.withLock({ $0.isRepeated(typing, at: now) }) { return }
        _ = try await store.chat(typing.chatID)
        if limiter.withLock({ $0.admits(typing, at: now) }) {
            notices.send(typing)
        }
    }
}

extension APIError {
    fileprivate static let tooManyTypingEvents = APIError(
        status: .tooManyRequests,
        code: "too_many_typing_events",
        detail: "Too many typing events from this address",
        headers: [.retryAfter: "1"]
    )
}
