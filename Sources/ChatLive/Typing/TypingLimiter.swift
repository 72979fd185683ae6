package import ChatDomain

/// Limits typing notices per person, per chat and per client.
package struct TypingLimiter {
    /// Monotonic, and passed in by the caller, so that tests control the time.
    package typealias Instant = ContinuousClock.Instant

    private struct Typist: Hashable {
        let chatID: ChatID
        /// The hash of the author or else of the metadata, which identifies the person.
        ///
        /// If two people collide, one of them is not shown.
        let hash: Int

        init(_ typing: Typing) {
            chatID = typing.chatID
            hash = typing.author?.hashValue ?? typing.metadata.hashValue
        }
    }

    /// Bounds the tables; notices of further people are dropped.
    private static let maximumTypists = 100_000

    private let interval: Duration
    private var clients: RateWindow<String>
    private var chats: RateWindow<ChatID>
    /// When each person was last shown, in two generations, so that expired entries are dropped cheaply.
    private var young: [Typist: Instant] = [:]
    private var old: [Typist: Instant] = [:]
    private var generationEnd: Instant?

    /// - Parameters:
    ///   - interval: How long a person who was shown is not shown again.
    ///   - chatLimit: Notices shown per chat and second.
    ///   - clientLimit: Notices accepted per client and second.
    package init(interval: Duration, chatLimit: Int, clientLimit: Int) {
        self.interval = interval
        clients = RateWindow(limit: clientLimit)
        chats = RateWindow(limit: chatLimit)
    }

    /// Counts a notice from a client; false if the client is over its limit.
    package mutating func admitsEvent(from client: String, at now: Instant) -> Bool {
        clients.admits(client, at: now)
    }

    /// Whether the same person was already shown in the same chat within `interval`; records nothing.
    package func isRepeated(_ typing: Typing, at now: Instant) -> Bool {
        let typist = Typist(typing)
        return (young[typist] ?? old[typist]).map { now < $0 + interval } ?? false
    }

    /// Decides whether to show a notice, and records it if so.
    package mutating func admits(_ typing: Typing, at now: Instant) -> Bool {
        if isRepeated(typing, at: now) { return false }
        if generationEnd.map({ $0 <= now }) ?? true {
            old = young
            young = [:]
            generationEnd = now + interval
        }
        guard young.count < Self.maximumTypists, chats.admits(typing.chatID, at: now) else { return false }
        young[Typist(typing)] = now
        return true
    }
}
