/// 64-bit FNV-1a: the same for the same bytes in every process and on every machine.
///
/// It detects changes, not attacks.
package struct StableHash {
    package private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    /// The value as 16 hexadecimal digits.
    package var digits: String {
        value.hexadecimal
    }

    package init() {}

    package mutating func combine(_ text: String) {
        for byte in text.utf8 {
            combine(byte)
        }
    }

    package mutating func combine(_ byte: UInt8) {
        value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
    }
}
