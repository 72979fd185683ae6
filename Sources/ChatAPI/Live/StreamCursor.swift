package import ChatDomain

/// Where a reader of many chats stands in each: the `id` of a combined stream's events.
package struct StreamCursor: Equatable {
    /// In the order of the ids.
    package let positions: [(chatID: ChatID, position: Position)]

    package static func == (lhs: StreamCursor, rhs: StreamCursor) -> Bool {
        lhs.positions.elementsEqual(rhs.positions, by: ==)
    }

    /// The cursor as clients get it: letters, digits and `-`, of which they need to know nothing.
    ///
    /// Each id is written as its distance from the one before it.
    package var token: String {
        var text = ""
        var last: Int64 = 0
        for (chatID, position) in positions {
            text += "\(String(chatID.rawValue - last, radix: 36))-\(String(position.rawValue, radix: 36))-"
            last = chatID.rawValue
        }
        return text + Self.check(text)
    }

    package init(_ positions: [(chatID: ChatID, position: Position)]) {
        self.positions = positions.sorted { $0.chatID.rawValue < $1.chatID.rawValue }
    }

    /// Nil for a token that no stream has given.
    package init?(token: String) {
        guard let end = token.lastIndex(of: "-") else {
            guard token == Self.check("") else { return nil }
            positions = []
            return
        }
        let text = String(token[...end])
        let fields = text.dropLast().split(separator: "-", omittingEmptySubsequences: false)
        guard token[token.index(after: end)...] == Self.check(text), fields.count.isMultiple(of: 2) else { return nil }
        var positions: [(chatID: ChatID, position: Position)] = []
        var last: Int64 = 0
        for index in stride(from: 0, to: fields.count, by: 2) {
            guard let distance = Int64(fields[index], radix: 36), distance > 0,
                let position = Int64(fields[index + 1], radix: 36), position >= 0
            else { return nil }
            let (id, overflows) = last.addingReportingOverflow(distance)
            if overflows { return nil }
            positions.append((ChatID(rawValue: id), Position(rawValue: position)))
            last = id
        }
        self.positions = positions
    }

    private static func check(_ text: String) -> String {
        var hash = StableHash()
        hash.combine(text)
        return String(hash.value, radix: 36)
    }
}
