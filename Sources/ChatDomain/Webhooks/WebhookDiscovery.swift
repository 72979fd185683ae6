/// What a search for chats with entries that a webhook has not received found, in one snapshot.
package struct WebhookDiscovery: Sendable {
    /// The most chats that one search finds; more than a webhook can list.
    package static let limit = 500

    /// A chat, and where the webhook continues in its log.
    package struct Found: Sendable {
        package let chatID: ChatID
        package let position: Position
        package let lastPosition: Position

        package init(chatID: ChatID, position: Position, lastPosition: Position) {
            self.chatID = chatID
            self.position = position
            self.lastPosition = lastPosition
        }

        /// False for a chat that got no entries since the webhook started; it gets a position, too, so that it is not
        /// found again.
        package var isDue: Bool {
            position < lastPosition
        }
    }

    package let found: [Found]
    /// The instant up to which this search was complete, if that is worth recording.
    package let searchedUpTo: Instant?

    /// - Parameter searchedUpTo: Ignored if there may be more.
    package init(found: [Found], searchedUpTo: Instant?) {
        self.found = found
        self.searchedUpTo = found.count < Self.limit ? searchedUpTo : nil
    }

    /// Whether the search found nothing that must be written.
    package var isEmpty: Bool {
        found.isEmpty && searchedUpTo == nil
    }

    /// Whether the search stopped at its limit.
    package var mayHaveMore: Bool {
        found.count >= Self.limit
    }
}
