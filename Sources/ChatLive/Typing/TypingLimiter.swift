package import ChatDomain

/// Decides which typing notices are shown: a person who keeps typing from time to time, and no floods.
package struct TypingLimiter {
    package typealias Instant = ContinuousClock.Instant

    private struct Typist: Hashable {
        let chatID: ChatID
        /// That of the metadata, which says who it is.
        ///
        /// Where two people have the same, one of them is not shown.
        let hash: Int

        init(_ typing: Typing) {
            chatID = typing.chatID
            hash = typing.metadata.hashValue
        }
    }

    /// No more people are shown at a time: the table stays bounded.
    private static let maximumTypists = 100_000

    private let interval: Duration
    private var addresses: RateWindow<String>
    private var chats: RateWindow<ChatID>
    /// When each person was last shown, in two generations, so that dropping old ones is cheap.
    private var young: [Typist: Instant] = [:]
    private var old: [Typist: Instant] = [:]
    private var generationEnd: Instant?

    /// - Parameters:
    ///   - interval: How long a person is not shown again.
    ///   - chatLimit: How many notices a chat shows within a second.
    ///   - addressLimit: How many notices an address may send within a second.
    package init(interval: Duration, chatLimit: Int, addressLimit: Int) {
        self.interval = interval
        addresses = RateWindow(limit: addressLimit)
        chats = RateWindow(limit: chatLimit)
    }

    /// Counts a notice from an address; false if it sends too many.
    package mutating func admitsEvent(from address: String, at now: Instant) -> Bool {
        addresses.admits(address, at: now)
    }

    /// Whether the same person was shown in the same chat just now.
    package func isRepeated(_ typing: Typing, at now: Instant) -> Bool {
        let typist = Typist(typing)
        return (young[typist] ?? old[typist]).map { now < $0 + interval } ?? false
    }

    /// Whether a notice is to be shown, which is noted then.
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
