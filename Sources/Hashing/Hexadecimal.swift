extension FixedWidthInteger where Self: UnsignedInteger {
    /// All lowercase hexadecimal digits, with leading zeros: two for each byte.
    package var hexadecimal: String {
        let digits = String(self, radix: 16)
        return String(repeating: "0", count: Self.bitWidth / 4 - digits.utf8.count) + digits
    }
}

extension UInt8 {
    /// Whether this is the ASCII code of a lowercase hexadecimal digit.
    package var isLowercaseHexadecimal: Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self)
    }
}
