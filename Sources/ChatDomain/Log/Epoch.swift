import Hashing

/// Identifies a database's history: positions of different epochs cannot be compared.
///
/// It is created with the schema. It changes when the history may have gone backward: when a standby takes over, and by
/// command after restoring a backup.
package struct Epoch: RawRepresentable, Hashable, Sendable {
    /// Random, so epochs have no order.
    package let rawValue: UInt32

    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Returns a new epoch; it equals the previous one with a probability of 1 in 2^32.
    package static func random() -> Epoch {
        Epoch(rawValue: .random(in: .min ... .max))
    }

    /// Parses the form that the property `text` has; nil unless the text is exactly 8 lowercase hexadecimal digits.
    package init?(_ text: some StringProtocol) {
        let digits = text.utf8
        guard digits.count == 8, digits.allSatisfy(\.isLowercaseHexadecimal), let value = UInt32(text, radix: 16) else {
            return nil
        }
        rawValue = value
    }

    /// The epoch as 8 lowercase hexadecimal digits, as stores keep it.
    package var text: String {
        rawValue.hexadecimal
    }
}
