import FoundationEssentials

extension Data {
    /// Decodes base64url without padding; nil if the text is something else.
    init?(base64URLEncoded text: some StringProtocol) {
        var bytes = text.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "-"): UInt8(ascii: "+")
            case UInt8(ascii: "_"): UInt8(ascii: "/")
            default: byte
            }
        }
        bytes += repeatElement(UInt8(ascii: "="), count: (4 - bytes.count % 4) % 4)
        self.init(base64Encoded: Data(bytes))
    }

    /// Base64url without padding.
    var base64URLEncoded: String {
        base64EncodedString(options: [.base64URLAlphabet, .omitPaddingCharacter])
    }
}
