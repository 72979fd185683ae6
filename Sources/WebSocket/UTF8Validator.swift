/// Validates UTF-8 that arrives in pieces, and rejects it at the first invalid byte.
package struct UTF8Validator {
    /// The number of bytes that complete the current character.
    private var missing = 0
    /// The values allowed for the next of them (Unicode 16, table 3-7).
    private var allowed: ClosedRange<UInt8> = continuation

    private static let continuation: ClosedRange<UInt8> = 0x80...0xBF

    package init() {}

    /// Whether the bytes so far end with a complete character.
    package var isComplete: Bool {
        missing == 0
    }

    /// Appends bytes; returns false if they make the text invalid.
    package mutating func accept(_ bytes: some Sequence<UInt8>) -> Bool {
        bytes.allSatisfy { accept($0) }
    }

    private mutating func accept(_ byte: UInt8) -> Bool {
        if missing > 0 {
            guard allowed.contains(byte) else { return false }
            missing -= 1
            allowed = Self.continuation
            return true
        }
        switch byte {
        case 0x00...0x7F: return true
        case 0xC2...0xDF: expect(1)
        // 0xE0 excludes overlong encodings, 0xED surrogates.
        case 0xE0: expect(2, 0xA0...0xBF)
        case 0xED: expect(2, 0x80...0x9F)
        case 0xE1...0xEF: expect(2)
        // 0xF0 excludes overlong encodings, 0xF4 values above U+10FFFF.
        case 0xF0: expect(3, 0x90...0xBF)
        case 0xF1...0xF3: expect(3)
        case 0xF4: expect(3, 0x80...0x8F)
        default: return false
        }
        return true
    }

    private mutating func expect(_ count: Int, _ next: ClosedRange<UInt8> = continuation) {
        missing = count
        allowed = next
    }
}
