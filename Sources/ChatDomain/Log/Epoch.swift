/// The identity of a database's history: positions of different epochs cannot be compared.
///
/// It is created with the schema. It changes when the history may have gone backward: when a standby takes over, and by
/// command after a backup was restored.
package struct Epoch: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    package static func random() -> Epoch {
        Epoch(rawValue: .random(in: .min ... .max))
    }

    /// Nil unless the text is 8 lower-case hexadecimal digits.
    package init?(_ text: some StringProtocol) {
        let digits = text.utf8
        guard digits.count == 8, digits.allSatisfy(\.isLowercaseHexadecimal), let value = UInt32(text, radix: 16) else {
            return nil
        }
        rawValue = value
    }

    /// 8 lower-case hexadecimal digits.
    package var text: String {
        let digits = String(rawValue, radix: 16)
        return String(repeating: "0", count: 8 - digits.utf8.count) + digits
    }
}

extension UInt8 {
    fileprivate var isLowercaseHexadecimal: Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self)
    }
}
