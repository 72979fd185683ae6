package import ChatDomain
import Hashing

/// The positions of a client in many chats: the `id` of an event in a stream of several chats.
package struct StreamCursor: Equatable {
    /// The epoch of all positions.
    package let epoch: Epoch
    /// Sorted by chat id, each chat once.
    package let positions: [(chatID: ChatID, position: Position)]
    /// The newest chat the stream knew of, if a stream of all chats left some out; nil otherwise.
    ///
    /// A chat with a greater id was created later.
    package let newest: ChatID?

    /// Written out because tuples are not `Equatable`.
    package static func == (lhs: StreamCursor, rhs: StreamCursor) -> Bool {
        lhs.epoch == rhs.epoch && lhs.newest == rhs.newest && lhs.positions.elementsEqual(rhs.positions, by: ==)
    }

    /// - Parameter positions: In any order, each chat once.
    package init(_ positions: [(chatID: ChatID, position: Position)], in epoch: Epoch, newest: ChatID? = nil) {
        self.epoch = epoch
        self.positions = positions.sorted { $0.chatID.rawValue < $1.chatID.rawValue }
        self.newest = newest
    }

    /// Returns a cursor at the start of the same chats in a new epoch.
    package func restarted(in epoch: Epoch) -> StreamCursor {
        StreamCursor(positions.map { ($0.chatID, Position(rawValue: 0)) }, in: epoch, newest: newest)
    }

    /// An opaque token: the epoch, a dot, then letters, digits and `-`.
    ///
    /// Ids are delta-encoded in base 36, and a checksum ends the token.
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

    /// Parses a token; nil unless a stream sent it.
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
