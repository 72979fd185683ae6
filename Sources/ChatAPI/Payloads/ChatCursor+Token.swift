import ChatDomain

extension ChatListQuery.Cursor {
    /// The cursor as clients get it: letters, digits and `-`, of which they need to know nothing.
    var token: String {
        let fields = [lastEntryAt.microsecondsSinceEpoch, id.rawValue]
        let text = fields.map { String($0, radix: 36) }.joined(separator: "-")
        return "\(text)-\(Self.check(text))"
    }

    /// Nil for a token that no list has given.
    init?(token: String) {
        let parts = token.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, let instant = Int64(parts[0], radix: 36), let id = Int64(parts[1], radix: 36),
            parts[2] == Self.check("\(parts[0])-\(parts[1])")
        else { return nil }
        self.init(lastEntryAt: Instant(microsecondsSinceEpoch: instant), id: ChatID(rawValue: id))
    }

    private static func check(_ text: String) -> String {
        var hash = StableHash()
        hash.combine(text)
        return String(hash.value, radix: 36)
    }
}
