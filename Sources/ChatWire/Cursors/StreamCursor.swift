package import ChatDomain
import Hashing

/// A client's position in each of many chats: the `id` of a combined stream.
package struct StreamCursor: Equatable {
    package let epoch: Epoch
    /// In order of chat id.
    package let positions: [(chatID: ChatID, position: Position)]
    /// If a stream of all chats leaves some of them out, the newest chat that it knows of.
    package let newest: ChatID?

    package static func == (lhs: StreamCursor, rhs: StreamCursor) -> Bool {
        lhs.epoch == rhs.epoch && lhs.newest == rhs.newest && lhs.positions.elementsEqual(rhs.positions, by: ==)
    }

    package init(_ positions: [(chatID: ChatID, position: Position)], in epoch: Epoch, newest: ChatID? = nil) {
        self.epoch = epoch
        self.positions = positions.sorted { $0.chatID.rawValue < $1.chatID.rawValue }
        self.newest = newest
    }

    /// A cursor at the start of the same chats.
    package func restarted(in epoch: Epoch) -> StreamCursor {
        StreamCursor(positions.map { ($0.chatID, Position(rawValue: 0)) }, in: epoch, newest: newest)
    }

    /// The cursor as an opaque token: the epoch, a point, then letters, digits and `-`.
    ///
    /// Each id is written as its difference from the previous one.
    package var token: String {
        var text = "\(epoch.text)."
        if let newest {
            text += "\(String(newest.rawValue, radix: 36))."
        }
        var last: Int64 = 0
        for (chatID, position) in positions {
            text += "\(String(chatID.rawValue - last, radix: 36))-\(String(position.rawValue, radix: 36))-"
            last = chatID.rawValue
        }
        return text + Self.check(text)
    }

    /// Nil unless a stream has sent the token.
    package init?(token: String) {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard (2...3).contains(parts.count), let epoch = Epoch(parts[0]), let last = parts.last else { return nil }
        self.epoch = epoch
        let fields = last.split(separator: "-", omittingEmptySubsequences: false)
        guard let check = fields.last, check == Self.check(token.dropLast(check.utf8.count)),
            let positions = Self.positions(fields.dropLast())
        else { return nil }
        self.positions = positions
        if parts.count == 3 {
            guard let id = Int64(parts[1], radix: 36), id > 0 else { return nil }
            newest = ChatID(rawValue: id)
        } else {
            newest = nil
        }
    }

    private static func positions(_ fields: [Substring]) -> [(chatID: ChatID, position: Position)]? {
        guard fields.count.isMultiple(of: 2) else { return nil }
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
        return positions
    }

    private static func check(_ text: some StringProtocol) -> String {
        var hash = StableHash()
        for byte in text.utf8 {
            hash.combine(byte)
        }
        return String(hash.value, radix: 36)
    }
}
