package import ChatDomain
import RateLimiting

/// Limits the typing notices that a chat shows, per person and per chat.
package struct TypingLimiter: Sendable {
    private enum Key: Hashable {
        /// The person is the author or else the metadata.
        case person(ChatID, UserID?, Metadata?)
        case chat(ChatID)

        init(personOf typing: Typing) {
            self = .person(typing.chatID, typing.author, typing.author == nil ? typing.metadata : nil)
        }
    }

    private let limiter = RateLimiter(entries: 1 << 14)
    private let personLimit: RateLimit
    private let chatLimit: RateLimit

    /// - Parameters:
    ///   - interval: How long a person who was shown is not shown again.
    ///   - chatLimit: Notices shown per chat and second.
    package init(interval: Duration, chatLimit: Int) {
        personLimit = RateLimit(1, per: interval)
        self.chatLimit = RateLimit(chatLimit, per: .seconds(1))
    }

    /// Whether the same person was already shown in the same chat within the interval; records nothing.
    ///
    /// - Parameter now: Passed in by tests, to control the time.
    package func isRepeated(_ typing: Typing, at now: ContinuousClock.Instant = .now) -> Bool {
        !limiter.hasUnits(of: personLimit, for: Key(personOf: typing), at: now)
    }

    /// Decides whether to show a notice, and records it if so.
    package func admits(_ typing: Typing, at now: ContinuousClock.Instant = .now) -> Bool {
        !isRepeated(typing, at: now) && admits(typing.chatID, at: now)
            && limiter.take(of: personLimit, for: Key(personOf: typing), at: now).isAllowed
    }

    /// Decides whether a chat shows one more notice, and records it if so.
    package func admits(_ chat: ChatID, at now: ContinuousClock.Instant = .now) -> Bool {
        limiter.take(of: chatLimit, for: Key.chat(chat), at: now).isAllowed
    }
}
