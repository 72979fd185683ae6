@_spi(_Unicode) import Swift

/// A request for one page of the chat list, which is ordered by latest activity first.
package struct ChatListQuery: Sendable {
    /// The sort key of a page's last chat; the next page starts after it.
    package struct Cursor: Equatable, Sendable {
        /// When the chat last changed: the instant of its newest log entry, or of its creation.
        package let lastEntryAt: Instant
        /// Breaks ties between chats that last changed at the same instant; the higher id comes first.
        package let id: ChatID

        package init(lastEntryAt: Instant, id: ChatID) {
            self.lastEntryAt = lastEntryAt
            self.id = id
        }

        /// Precedes every chat: the last microsecond of the year 9999, and the largest id.
        package static let start = Cursor(
            lastEntryAt: Instant(microsecondsSinceEpoch: 253_402_300_799_999_999),
            id: ChatID(rawValue: .max)
        )
    }

    /// Some of the chats.
    package struct Scope: Equatable, Sendable {
        /// Chats that belong to the scope.
        package let chatIDs: Set<ChatID>
        /// All chats of which this user is a member belong to it, too; nil adds none.
        package let member: UserID?

        package init(chatIDs: Set<ChatID> = [], member: UserID? = nil) {
            self.chatIDs = chatIDs
            self.member = member
        }
    }

    /// The page contains only chats after this.
    package let cursor: Cursor
    /// The maximum number of chats, at least 1.
    package let limit: Int
    /// Limits the list to chats whose title contains this text, regardless of case and Unicode composition; nil lists
    /// all.
    package let titlePart: String?
    /// Limits the list to these chats; nil lists all.
    package var scope: Scope?
    /// The user for whom the page contains read states and the last message of each chat; nil for neither.
    package var reader: UserID?

    /// - Parameter cursor: The previous page's `ChatList.next`.
    package init(
        after cursor: Cursor = .start,
        limit: Int,
        titlePart: String? = nil,
        scope: Scope? = nil,
        reader: UserID? = nil
    ) {
        self.cursor = cursor
        self.limit = limit
        self.titlePart = titlePart
        self.scope = scope
        self.reader = reader
    }
}

/// One page of the chat list, read in one snapshot.
package struct ChatList: Equatable, Sendable {
    /// Most recently active first.
    package let chats: [Chat]
    /// What the query's reader has read of those of the chats of which the reader is a member.
    package let readStates: [ChatID: ReadState]
    /// The newest messages that are not deleted; empty without a reader.
    package let lastMessages: [ChatID: Message]
    /// The cursor for the next page; nil on the last page.
    package let next: ChatListQuery.Cursor?
    /// The database's epoch in the page's snapshot.
    package let epoch: Epoch

    package init(
        chats: [Chat],
        readStates: [ChatID: ReadState] = [:],
        lastMessages: [ChatID: Message] = [:],
        next: ChatListQuery.Cursor?,
        epoch: Epoch
    ) {
        self.chats = chats
        self.readStates = readStates
        self.lastMessages = lastMessages
        self.next = next
        self.epoch = epoch
    }
}

extension String {
    /// The text folded for comparison without regard to case and composition, identically on every store.
    ///
    /// Lowercasing comes first: a capital ẞ becomes SS only by way of ß, and the Kelvin sign becomes K only by way of
    /// k. Composing comes before that, so that equivalent texts (é as one scalar, or as e and an accent) fold alike,
    /// and again after it, because case mapping decomposes some letters.
    package var caseFolded: String {
        composed.lowercased().uppercased().composed
    }

    /// Normalization form C, which the standard library implements but does not make public yet.
    private var composed: String {
        if utf8.allSatisfy({ $0 < 0x80 }) { return self }
        var scalars = UnicodeScalarView()
        scalars.append(contentsOf: _nfc)
        return String(scalars)
    }
}
