package import ChatDomain
import Hashing

/// The cursor of a chat list as an opaque token: the epoch, a dot, then letters, digits and `-`.
///
/// A checksum rejects truncated and mistyped tokens; it is not a signature.
package struct ChatListToken {
    /// The epoch in which the page before the cursor was read.
    package let epoch: Epoch
    /// The last chat of the page before.
    package let cursor: ChatListQuery.Cursor

    package init(epoch: Epoch, cursor: ChatListQuery.Cursor) {
        self.epoch = epoch
        self.cursor = cursor
    }

    /// Parses a token; nil unless a chat list returned it.
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

    /// The value of `next_cursor` in a chat list, and of `cursor` in a request.
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
