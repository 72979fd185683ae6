/// Which messages of a chat to read: so many on either side of a position.
package struct MessagePageQuery: Sendable {
    package let chatID: ChatID
    /// Messages before it are older, the one at it and those behind it are newer; nil is the end of the log.
    package let pivot: Position?
    /// The most messages before the pivot.
    package let olderLimit: Int
    /// The most messages from the pivot on.
    package let newerLimit: Int

    private init(_ chatID: ChatID, pivot: Position?, olderLimit: Int, newerLimit: Int) {
        self.chatID = chatID
        self.pivot = pivot
        self.olderLimit = olderLimit
        self.newerLimit = newerLimit
    }

    package static func newest(of chatID: ChatID, limit: Int) -> MessagePageQuery {
        MessagePageQuery(chatID, pivot: nil, olderLimit: limit, newerLimit: 0)
    }

    package static func before(_ position: Position, in chatID: ChatID, limit: Int) -> MessagePageQuery {
        MessagePageQuery(chatID, pivot: position, olderLimit: limit, newerLimit: 0)
    }

    package static func after(_ position: Position, in chatID: ChatID, limit: Int) -> MessagePageQuery {
        let (next, isBeyond) = position.rawValue.addingReportingOverflow(1)
        return MessagePageQuery(
            chatID,
            pivot: isBeyond ? nil : Position(rawValue: next),
            olderLimit: 0,
            newerLimit: limit
        )
    }

    /// The larger half of an odd number is for the newer ones, so that the one at the position is always there.
    package static func around(_ position: Position, in chatID: ChatID, limit: Int) -> MessagePageQuery {
        MessagePageQuery(chatID, pivot: position, olderLimit: limit / 2, newerLimit: limit - limit / 2)
    }
}

/// Messages of a chat, deleted ones among them, read in one snapshot.
package struct MessagePage: Equatable, Sendable {
    /// In the order of their positions.
    package let messages: [Message]
    /// Whether there are messages before the first one, or before the pivot if there is none.
    package let hasBefore: Bool
    package let hasAfter: Bool
    /// Where the log ended.
    package let lastPosition: Position
    package let epoch: Epoch

    /// - Parameters:
    ///   - older: Up to one more than `olderLimit` from the pivot backwards.
    ///   - newer: Up to one more than `newerLimit` from the pivot on.
    package init(
        _ query: MessagePageQuery,
        older: [Message],
        newer: [Message],
        lastPosition: Position,
        epoch: Epoch
    ) {
        messages = older.prefix(query.olderLimit).reversed() + newer.prefix(query.newerLimit)
        hasBefore = older.count > query.olderLimit
        hasAfter = newer.count > query.newerLimit
        self.lastPosition = lastPosition
        self.epoch = epoch
    }
}
