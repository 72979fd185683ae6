package import ChatDomain

/// A position with its epoch: the `id` of an event in a stream of one chat.
package struct LogPlace: Equatable, Sendable {
    /// Nil for a plain number, whose epoch is not checked.
    package let epoch: Epoch?
    /// The last entry that the client has; 0 before the first one.
    package let position: Position

    package init(epoch: Epoch?, position: Position) {
        self.epoch = epoch
        self.position = position
    }

    /// Parses `7f3c9a01.17`; nil for any other text, including a plain number.
    package init?(_ text: Substring) {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let epoch = Epoch(parts[0]), parts[1].utf8.allSatisfy(\.isDigit),
            let position = Int64(parts[1])
        else { return nil }
        self.init(epoch: epoch, position: Position(rawValue: position))
    }

    /// As in `7f3c9a01.17`, or `17` without an epoch.
    package var text: String {
        epoch.map { "\($0.text).\(position.rawValue)" } ?? String(position.rawValue)
    }

    /// Whether a client cannot resume here: the epoch differs, or the log now ends earlier.
    ///
    /// Always false without an epoch.
    package func isStale(in epoch: Epoch, end: Position) -> Bool {
        self.epoch.map { $0 != epoch || position > end } ?? false
    }
}

extension UInt8 {
    fileprivate var isDigit: Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self)
    }
}
