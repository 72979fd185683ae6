package import ChatDomain

/// A position and the epoch that it belongs to: the `id` of an event of one chat.
package struct LogPlace: Equatable, Sendable {
    /// Nil for a plain number, which is taken at its word.
    package let epoch: Epoch?
    package let position: Position

    package init(epoch: Epoch?, position: Position) {
        self.epoch = epoch
        self.position = position
    }

    /// Reads `7f3c9a01.17`; nil for any other text, including a plain number.
    package init?(_ text: Substring) {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let epoch = Epoch(parts[0]), parts[1].utf8.allSatisfy(\.isDigit),
            let position = Int64(parts[1])
        else { return nil }
        self.init(epoch: epoch, position: Position(rawValue: position))
    }

    package var text: String {
        epoch.map { "\($0.text).\(position.rawValue)" } ?? String(position.rawValue)
    }

    /// Whether the log cannot be continued from here: its epoch differs, or it now ends earlier.
    package func isStale(in epoch: Epoch, end: Position) -> Bool {
        self.epoch.map { $0 != epoch || position > end } ?? false
    }
}

extension UInt8 {
    fileprivate var isDigit: Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self)
    }
}
