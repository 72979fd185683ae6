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
    /// How many of the messages are before the pivot.
    private let olderCount: Int

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
        self.init(
            older: older.prefix(query.olderLimit),
            newer: newer.prefix(query.newerLimit),
            hasBefore: older.count > query.olderLimit,
            hasAfter: newer.count > query.newerLimit,
            lastPosition,
            epoch
        )
    }

    /// Leaves out the messages that are farthest from the pivot if the texts are too long for a page.
    private init(
        older: some Collection<Message>,
        newer: some Collection<Message>,
        hasBefore: Bool,
        hasAfter: Bool,
        _ lastPosition: Position,
        _ epoch: Epoch
    ) {
        let shownNewer = newer.withinPage(older.isEmpty ? maximumPageBytes : maximumPageBytes / 2) { $0.text }
        let newerBytes = shownNewer.reduce(0) { $0 + $1.text.utf8.count }
        let shownOlder = older.withinPage(maximumPageBytes - newerBytes) { $0.text }
        messages = shownOlder.reversed() + shownNewer
        olderCount = shownOlder.count
        self.hasBefore = hasBefore || older.count > shownOlder.count
        self.hasAfter = hasAfter || newer.count > shownNewer.count
        self.lastPosition = lastPosition
        self.epoch = epoch
    }

    /// Returns the page with other states of its messages, and without those that no longer fit.
    package func map(_ transform: (Message) -> Message) -> MessagePage {
        let messages = messages.map(transform)
        return MessagePage(
            older: messages[..<olderCount].reversed(),
            newer: messages[olderCount...],
            hasBefore: hasBefore,
            hasAfter: hasAfter,
            lastPosition,
            epoch
        )
    }
}

/// The texts on a page have at most this many bytes in UTF-8, unless there is only one.
let maximumPageBytes = 1 << 20

extension Collection {
    /// Returns the first elements whose texts fit on a page together; at least one.
    func withinPage(_ maximum: Int = maximumPageBytes, _ text: (Element) -> String?) -> SubSequence {
        var bytes = 0
        let count = prefix { element in
            let isFirst = bytes == 0
            bytes += text(element)?.utf8.count ?? 0
            return isFirst || bytes <= maximum
        }.count
        return prefix(count)
    }
}
