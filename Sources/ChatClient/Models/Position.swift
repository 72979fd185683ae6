/// A position in a chat's log, such as `7f3c9a01.17`, or `17` without the epoch it belongs to.
///
/// The server checks that a position's epoch is still valid, and cannot check one without an epoch.
public struct Position: Sendable, Hashable, LosslessStringConvertible, ExpressibleByIntegerLiteral {
    public let epoch: String?
    public let seq: Int

    public init(_ seq: Int, epoch: String? = nil) {
        self.seq = seq
        self.epoch = epoch
    }

    public init(integerLiteral value: Int) {
        self.init(value)
    }

    /// Parses what `description` returns; nil for anything else.
    public init?(_ description: String) {
        let parts = description.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let last = parts.last, let seq = Int(last), seq >= 0 else { return nil }
        self.init(seq, epoch: parts.count == 2 ? String(parts[0]) : nil)
    }

    public var description: String {
        epoch.map { "\($0).\(seq)" } ?? "\(seq)"
    }
}
