import HTTPTypes

extension HTTPFields {
    /// The `X-Request-ID` of the client; nil if there is none or it is unsafe.
    var clientRequestID: String? {
        self[.requestID].flatMap { Self.isSane($0) ? $0 : nil }
    }

    /// Whether an id has 1 to 128 characters that are safe in logs and headers.
    private static func isSane(_ id: String) -> Bool {
        (1...128).contains(id.utf8.count)
            && id.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
                    UInt8(ascii: ":"), UInt8(ascii: "/"), UInt8(ascii: "+"), UInt8(ascii: "="), UInt8(ascii: "@"):
                    true
                default: false
                }
            }
    }
}
