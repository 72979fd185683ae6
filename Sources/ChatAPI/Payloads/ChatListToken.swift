import ChatDomain

/// The cursor of a list of chats as clients get it: the epoch, a point, and letters, digits and `-`, of which they need to
/// know nothing.
struct ChatListToken {
    let epoch: Epoch
    let cursor: ChatListQuery.Cursor

    init(epoch: Epoch, cursor: ChatListQuery.Cursor) {
        self.epoch = epoch
        self.cursor = cursor
    }

    /// Nil for a text that no list has given.
    init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let epoch = Epoch(parts[0]) else { return nil }
        let fields = parts[1].split(separator: "-", omittingEmptySubsequences: false)
        guard fields.count == 3, let instant = Int64(fields[0], radix: 36), let id = Int64(fields[1], radix: 36),
            fields[2] == Self.check("\(parts[0]).\(fields[0])-\(fields[1])")
        else { return nil }
        self.epoch = epoch
        cursor = ChatListQuery.Cursor(
            lastEntryAt: Instant(microsecondsSinceEpoch: instant),
            id: ChatID(rawValue: id)
        )
    }

    var text: String {
        let fields = [cursor.lastEntryAt.microsecondsSinceEpoch, cursor.id.rawValue]
        let text = "\(epoch.text)." + fields.map { String($0, radix: 36) }.joined(separator: "-")
        return "\(text)-\(Self.check(text))"
    }

    private static func check(_ text: String) -> String {
        var hash = StableHash()
        hash.combine(text)
        return String(hash.value, radix: 36)
    }
}
