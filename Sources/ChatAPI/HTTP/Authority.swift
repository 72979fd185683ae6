import ChatWire

/// The host and port of a request: the `authority` of RFC 3986 without user information.
package struct Authority: Hashable, Sendable {
    /// In lower case, without the brackets of an IPv6 address.
    package let host: String
    /// Nil if the authority names no port.
    package let port: Int?

    /// Parses an authority; nil unless it is `uri-host [":" port]` (RFC 9110, section 7.2) with a non-empty host.
    package init?(_ text: String) {
        var rest = text.utf8[...]
        if rest.first == UInt8(ascii: "[") {
            guard let end = rest.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            let address = rest[..<end].dropFirst()
            guard !address.isEmpty,
                address.allSatisfy({ $0.hexDigitValue != nil || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") })
            else { return nil }
            host = String(Substring(address)).lowercased()
            rest = rest[end...].dropFirst()
        } else {
            let name = rest.prefix { $0 != UInt8(ascii: ":") }
            guard !name.isEmpty, name.isRegisteredName else { return nil }
            host = String(Substring(name)).lowercased()
            rest = rest[name.endIndex...]
        }
        guard let colon = rest.popFirst() else {
            port = nil
            return
        }
        guard colon == UInt8(ascii: ":"), rest.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else {
            return nil
        }
        port = rest.isEmpty ? nil : Int(Substring(rest))
        guard rest.isEmpty || (0...65_535).contains(port ?? -1) else { return nil }
    }

    /// Whether a server that listens on a host, which may be an IPv6 address without brackets, is for this machine only.
    package static func isLoopback(_ host: String) -> Bool {
        (Authority(host) ?? Authority("[\(host)]"))?.isLoopback ?? false
    }

    /// Whether the host is this machine by a name that no one else can point elsewhere.
    package var isLoopback: Bool {
        if host == "localhost" || host == "127.0.0.1" || host == "::1" { return true }
        let octets = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        return octets.count == 4 && octets[0] == 127 && !octets.contains(nil)
    }
}

extension Substring.UTF8View {
    /// Whether it is a `reg-name` of RFC 3986.
    fileprivate var isRegisteredName: Bool {
        var rest = self
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "%"):
                guard rest.popFirst()?.hexDigitValue != nil, rest.popFirst()?.hexDigitValue != nil else { return false }
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                continue
            default:
                guard "-._~!$&'()*+,;=".utf8.contains(byte) else { return false }
            }
        }
        return true
    }
}
