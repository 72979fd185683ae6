import FoundationEssentials

/// The host and port in a webhook's URL.
struct TargetHost {
    /// A name, or an address without brackets.
    let name: String
    let port: Int

    /// Returns nil for a URL that no request can be sent to.
    ///
    /// A host may contain nothing that is decoded or mapped on the way to the connection: AsyncHTTPClient would then look
    /// for the host's address under another name, not find it, and resolve the name itself.
    init?(_ url: String) {
        guard let parts = URL(string: url), let scheme = parts.scheme?.lowercased(),
            ["http", "https"].contains(scheme),
            let host = parts.host(), !host.isEmpty,
            host.utf8.allSatisfy({ Self.isPlain($0) })
        else { return nil }
        name = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        port = parts.port ?? (scheme == "http" ? 80 : 443)
    }

    /// The host as AsyncHTTPClient names it in `dnsOverride`.
    var overrideKey: String {
        name.contains(":") ? "[\(name)]" : name
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"),
            UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]"):
            true
        default: false
        }
    }
}
