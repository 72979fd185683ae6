/// A request for up to a number of messages on either side of a position.
package struct MessagePageQuery: Sendable {
    /// May name a chat that does not exist.
    package let chatID: ChatID
    /// Messages before the pivot count as older, those at or after it as newer; nil is the end of the log.
    package let pivot: Position?
    /// The maximum number of messages before the pivot.
    package let olderLimit: Int
    /// The maximum number of messages at or after the pivot.
    package let newerLimit: Int

    private init(_ chatID: ChatID, pivot: Position?, olderLimit: Int, newerLimit: Int) {
        self.chatID = chatID
        self.pivot = pivot
        self.olderLimit = olderLimit
        self.newerLimit = newerLimit
    }

    /// The last `limit` messages of the log.
    package static func newest(of chatID: ChatID, limit: Int) -> MessagePageQuery {
        MessagePageQuery(chatID, pivot: nil, olderLimit: limit, newerLimit: 0)
    }

    /// The last `limit` messages before a position, which need not exist.
    package static func before(_ position: Position, in chatID: ChatID, limit: Int) -> MessagePageQuery {
        MessagePageQuery(chatID, pivot: position, olderLimit: limit, newerLimit: 0)
    }

    /// The first `limit` messages after a position, which need not exist.
    package static func after(_ position: Position, in chatID: ChatID, limit: Int) -> MessagePageQuery {
        let (next, isBeyond) = position.rawValue.addingReportingOverflow(1)
        return MessagePageQuery(
            chatID,
            pivot: isBeyond ? nil : Position(rawValue: next),
            olderLimit: 0,
            newerLimit: limit
        )
    }

    /// Half of `limit` on either side of a position.
    ///
    /// The newer side gets the larger half of an odd limit, so the message at the position is always included.
    package static func around(_ position: Position, in chatID: ChatID, limit: Int) -> MessagePageQuery {
        MessagePageQuery(chatID, pivot: position, olderLimit: limit / 2, newerLimit: limit - limit / 2)
    }
}

/// A page of a chat's messages, including deleted ones, read in one snapshot.
package struct MessagePage: Equatable, Sendable {
    /// In position order; the positions between them belong to other log entries.
    package let messages: [Message]
    /// Whether there are older messages than the page's first, or than the pivot if the page is empty.
    package let hasBefore: Bool
    /// Whether there are newer messages than the page's last, or, on an empty page, any at or after the pivot.
    package let hasAfter: Bool
    /// The position of the last log entry in the snapshot.
    package let lastPosition: Position
    /// The epoch of the snapshot, to which the positions belong.
    package let epoch: Epoch

    /// Assembles a page from two reads that each ask for one message more than the limit, to learn whether there are
    /// more.
    ///
    /// - Parameters:
    ///   - older: Up to `olderLimit + 1` messages before the pivot, newest first.
    ///   - newer: Up to `newerLimit + 1` messages from the pivot on, oldest first.
    package init(
        _ query: MessagePageQuery,
        older: [Message],
        newer: [Message],
        lastPosition: Position,
        epoch: Epoch
    ) {
        let shownOlder = older.prefix(query.olderLimit).withinPage { $0.text }
        let shownNewer = newer.prefix(query.newerLimit).withinPage { $0.text }
        messages = shownOlder.reversed() + shownNewer
        hasBefore = older.count > shownOlder.count
        hasAfter = newer.count > shownNewer.count
        self.lastPosition = lastPosition
        self.epoch = epoch
    }

    private init(_ messages: [Message], of page: MessagePage) {
        self.messages = messages
        hasBefore = page.hasBefore
        hasAfter = page.hasAfter
        lastPosition = page.lastPosition
        epoch = page.epoch
    }

    /// Returns the page with other states of its messages.
    package func map(_ transform: (Message) -> Message) -> MessagePage {
        MessagePage(messages.map(transform), of: self)
    }
}

extension Collection {
    /// Returns the elements up to which their texts together have at most 1 MiB; at least one.
    ///
    /// Only messages that were open have texts long enough to shorten a page.
    func withinPage(_ text: (Element) -> String?) -> SubSequence {
        var bytes = 0
        let count = prefix { element in
            let isFirst = bytes == 0
            bytes += text(element)?.utf8.count ?? 0
            return isFirst || bytes <= 1 << 20
        }.count
        return prefix(count)
    }
}
