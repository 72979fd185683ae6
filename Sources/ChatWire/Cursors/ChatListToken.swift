package import ChatDomain
import Hashing

/// The cursor of a list of chats, as an opaque token: the epoch, a point, then letters, digits and `-`.
package struct ChatListToken {
    package let epoch: Epoch
    package let cursor: ChatListQuery.Cursor

    package init(epoch: Epoch, cursor: ChatListQuery.Cursor) {
        self.epoch = epoch
        self.cursor = cursor
    }

    /// Nil unless the text is a token that a list returned.
    package init?(_ text: String) {
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

    package var text: String {
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
