package import ChatDomain

/// Where a reader of an inbox continues: the `cursor` of a page, and the `id` of an event in a stream of an inbox.
///
/// A reader gets what changed since its mark, the latest change first, in as many pages as it takes. Such a pass ends
/// with a new mark. What changes during a pass comes with the next one.
package struct InboxCursor: Equatable, Sendable {
    /// A pass that has more pages.
    package struct Pass: Equatable, Sendable {
        /// The mark of the first page's snapshot: what the reader has seen once the pass is complete.
        package let next: InboxMark
        /// The last chat so far.
        package let last: InboxIndex.Change

        package init(next: InboxMark, last: InboxIndex.Change) {
            self.next = next
            self.last = last
        }
    }

    /// The epoch of all numbers.
    package let epoch: Epoch
    /// What the reader had seen before the pass.
    package let mark: InboxMark
    /// Nil between two passes.
    package let pass: Pass?

    package init(epoch: Epoch, mark: InboxMark, pass: Pass? = nil) {
        self.epoch = epoch
        self.mark = mark
        self.pass = pass
    }

    /// The beginning of an inbox.
    package static func start(in epoch: Epoch) -> InboxCursor {
        InboxCursor(epoch: epoch, mark: .start)
    }

    /// An opaque token: usually the epoch, a dot and one number, otherwise several numbers separated by `-`.
    package var text: String {
        var numbers = [mark.floor]
        if let pass {
            numbers += [pass.next.floor, pass.next.top, pass.last.activity, pass.last.chatID.rawValue]
        } else if mark.top > mark.floor {
            numbers.append(mark.top)
        }
        return "\(epoch.text)." + numbers.map { String($0) }.joined(separator: "-")
    }

    /// Parses a token; nil unless an inbox returned it.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let epoch = Epoch(parts[0]) else { return nil }
        let fields = parts[1].split(separator: "-", omittingEmptySubsequences: false)
        // No other spelling of a number is valid.
        let numbers = fields.compactMap { field in Int64(field).flatMap { $0 >= 0 && String($0) == field ? $0 : nil } }
        guard numbers.count == fields.count, [1, 2, 5].contains(numbers.count) else { return nil }
        let top = numbers.count == 2 ? numbers[1] : numbers[0]
        guard top >= numbers[0] else { return nil }
        self.epoch = epoch
        mark = InboxMark(floor: numbers[0], top: top)
        guard numbers.count == 5 else {
            pass = nil
            return
        }
        guard numbers[2] >= numbers[1] else { return nil }
        pass = Pass(
            next: InboxMark(floor: numbers[1], top: numbers[2]),
            last: InboxIndex.Change(chatID: ChatID(rawValue: numbers[4]), activity: numbers[3])
        )
    }
}

/// The `id` of an event in a stream of an inbox that also follows chats: both cursors.
package struct InboxStreamCursor: Equatable {
    /// Where the inbox continues.
    package let inbox: InboxCursor
    /// The positions in the followed chats; nil without any.
    package let chats: StreamCursor?

    package init(inbox: InboxCursor, chats: StreamCursor?) {
        self.inbox = inbox
        self.chats = chats
    }

    /// The beginning of an inbox and of the logs of chats.
    package static func start(in epoch: Epoch, following chats: [ChatID]) -> InboxStreamCursor {
        let start = StreamCursor(chats.map { ($0, Position(rawValue: 0)) }, in: epoch)
        return InboxStreamCursor(inbox: .start(in: epoch), chats: chats.isEmpty ? nil : start)
    }

    /// The token of the inbox and, if the stream follows chats, a `~` and the token of their positions.
    package var text: String {
        chats.map { "\(inbox.text)~\($0.token)" } ?? inbox.text
    }

    /// Parses a token; nil unless a stream of an inbox or a page of one contained it.
    package init?(_ text: String) {
        let parts = text.split(separator: "~", maxSplits: 1, omittingEmptySubsequences: false)
        guard let inbox = InboxCursor(parts[0]) else { return nil }
        self.inbox = inbox
        guard parts.count == 2 else {
            chats = nil
            return
        }
        guard let chats = StreamCursor(token: String(parts[1])), chats.epoch == inbox.epoch else { return nil }
        self.chats = chats
    }
}
