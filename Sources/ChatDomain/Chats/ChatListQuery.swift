@_spi(_Unicode) import Swift

/// Which chats to list: those with the newest activity first.
package struct ChatListQuery: Sendable {
    /// The last chat of the page before: the list goes on behind it.
    package struct Cursor: Equatable, Sendable {
        package let lastEntryAt: Instant
        package let id: ChatID

        package init(lastEntryAt: Instant, id: ChatID) {
            self.lastEntryAt = lastEntryAt
            self.id = id
        }

        /// Before every chat.
        package static let start = Cursor(
            lastEntryAt: Instant(microsecondsSinceEpoch: 253_402_300_799_999_999),
            id: ChatID(rawValue: .max)
        )
    }

    package let cursor: Cursor
    /// At least 1.
    package let limit: Int
    /// Only chats whose title contains this text, whatever the case of either and however letters are composed.
    package let titlePart: String?

    package init(after cursor: Cursor = .start, limit: Int, titlePart: String? = nil) {
        self.cursor = cursor
        self.limit = limit
        self.titlePart = titlePart
    }
}

/// One page of the list.
package struct ChatList: Equatable, Sendable {
    package let chats: [Chat]
    /// Where the next page begins; nil at the end.
    package let next: ChatListQuery.Cursor?
    package let epoch: Epoch

    package init(chats: [Chat], next: ChatListQuery.Cursor?, epoch: Epoch) {
        self.chats = chats
        self.next = next
        self.epoch = epoch
    }
}

extension String {
    /// The form in which titles are compared without regard to case and composition, the same on every store.
    ///
    /// Small letters first: a capital ẞ is SS only by way of ß, and the Kelvin sign is K by way of k. Composed before, so
    /// that equivalent texts (é as one scalar, or as e and an accent) fold to the same, and after, because case mapping
    /// takes some letters apart.
    package var caseFolded: String {
        composed.lowercased().uppercased().composed
    }

    /// Normalization form C, which the standard library has and does not yet make public.
    private var composed: String {
        if utf8.allSatisfy({ $0 < 0x80 }) { return self }
        var scalars = UnicodeScalarView()
        scalars.append(contentsOf: _nfc)
        return String(scalars)
    }
}
