package import HTTPTypes
package import NIOCore

/// The networks of proxies that say for whom they forward a request, in `Forwarded` (RFC 7239) or `X-Forwarded-For`.
package struct TrustedProxies: Equatable, Sendable {
    private let networks: [Network]

    /// Trusts nobody: every client has its connection's address.
    package static let none = TrustedProxies(networks: [])

    private init(networks: [Network]) {
        self.networks = networks
    }

    /// Parses addresses and networks, such as `127.0.0.1,10.0.0.0/8,fd00::/8`.
    ///
    /// Returns nil unless each is valid; the bits after a network's prefix must be zero.
    package init?(list: String) {
        var networks: [Network] = []
        for text in list.split(separator: ",", omittingEmptySubsequences: false) {
            guard let network = Network(text) else { return nil }
            networks.append(network)
        }
        self.init(networks: networks)
    }

    /// Whether an address belongs to a trusted proxy.
    package func contains(_ address: SocketAddress?) -> Bool {
        guard !networks.isEmpty, let bits = address?.bits else { return false }
        return networks.contains { bits & $0.mask == $0.prefix }
    }

    /// The address of the client that made a request: the last one in the header that is not a trusted proxy's.
    ///
    /// It is the peer's address if the peer is not trusted, if an address is malformed, or if the two headers disagree: a
    /// proxy that sets only one of them passes the other on from the client.
    ///
    /// - Parameter peer: The address of the connection.
    package func client(of fields: HTTPFields, from peer: SocketAddress?) -> SocketAddress? {
        guard contains(peer) else { return peer }
        let forwarded = fields[values: .forwarded]
        let forwardedFor = fields[values: .xForwardedFor]
        switch (forwarded.isEmpty, forwardedFor.isEmpty) {
        case (true, true): return peer
        case (false, true): return client(in: Self.hops(inForwarded: forwarded)) ?? peer
        case (true, false): return client(in: Self.hops(inList: forwardedFor)) ?? peer
        case (false, false):
            let client = client(in: Self.hops(inList: forwardedFor))
            return client.flatMap { $0 == self.client(in: Self.hops(inForwarded: forwarded)) ? $0 : nil } ?? peer
        }
    }

    /// - Parameter hops: In the order of the header; nil for one that is malformed.
    private func client(in hops: [String?]) -> SocketAddress? {
        var client: SocketAddress?
        for hop in hops.reversed() {
            client = hop.flatMap(SocketAddress.init(hop:))
            if !contains(client) { break }
        }
        return client
    }

    private static func hops(inList fields: [String]) -> [String?] {
        fields.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false) }.map { $0.trimmed }
    }

    /// The `for` of each element; nil for an element without one.
    private static func hops(inForwarded fields: [String]) -> [String?] {
        fields.flatMap { field -> [String?] in
            guard let elements = field.splitOutsideQuotes(at: ",") else { return [nil] }
            return elements.map { element -> String? in
                let pairs = element.splitOutsideQuotes(at: ";") ?? []
                let values = pairs.compactMap { pair -> String? in
                    let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                    guard parts.count == 2, parts[0].trimmed.lowercased() == "for" else { return nil }
                    return parts[1].trimmed.unquoted
                }
                return values.count == 1 ? values[0] : nil
            }
        }
    }
}

extension TrustedProxies {
    /// A network of IPv6 addresses; one of IPv4 addresses is a part of `::ffff:0:0/96`.
    private struct Network: Equatable {
        let prefix: UInt128
        let mask: UInt128

        init?(_ text: Substring) {
            let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            guard let address = SocketAddress(numeric: parts[0]), let bits = address.bits else {
                return nil
            }
            let longest = if case .v4 = address { 32 } else { 128 }
            var length = longest
            if parts.count == 2 {
                guard let number = Int(parts[1]), (0...longest).contains(number), String(number) == parts[1] else {
                    return nil
                }
                length = number
            }
            mask = ~(UInt128.max >> UInt128(128 - longest + length))
            prefix = bits
            guard prefix & mask == prefix else { return nil }
        }
    }
}

extension SocketAddress {
    /// The address as in IPv6, in which an IPv4 address is mapped (RFC 4291, section 2.5.5.2); nil for a socket in the file
    /// system.
    fileprivate var bits: UInt128? {
        switch self {
        case .v4(let address):
            // `sin_addr`, after the family and the port.
            return withUnsafeBytes(of: address.address) { bytes in
                bytes[4..<8].reduce(UInt128(0xFFFF)) { $0 << 8 | UInt128($1) }
            }
        case .v6(let address):
            // `sin6_addr`, after the family, the port and the flow.
            return withUnsafeBytes(of: address.address) { bytes in
                bytes[8..<24].reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
            }
        case .unixDomainSocket:
            return nil
        }
    }

    /// Parses an address with or without a port: `192.0.2.1:80`, `[2001:db8::1]:80`, `2001:db8::1`.
    ///
    /// The port is dropped: it tells nothing about the client.
    fileprivate init?(hop: String) {
        var text = hop[...]
        var port: Substring?
        if hop.hasPrefix("[") {
            guard let end = hop.firstIndex(of: "]") else { return nil }
            text = hop[hop.index(after: hop.startIndex)..<end]
            let rest = hop[hop.index(after: end)...]
            guard text.contains(":"), rest.isEmpty || rest.hasPrefix(":") else { return nil }
            port = rest.isEmpty ? nil : rest.dropFirst()
        } else if let colon = hop.firstIndex(of: ":"), hop.lastIndex(of: ":") == colon {
            text = hop[..<colon]
            port = hop[hop.index(after: colon)...]
        }
        if let port, UInt16(port) == nil { return nil }
        self.init(numeric: text)
    }

    /// Parses an address without a port or a scope, such as `%eth0`, which only the machine itself understands.
    fileprivate init?(numeric text: Substring) {
        guard !text.contains("%") else { return nil }
        guard let address = try? SocketAddress(ipAddress: String(text), port: 0) else { return nil }
        self = address
    }
}

extension StringProtocol {
    /// Without the spaces and tabs around it.
    fileprivate var trimmed: String {
        let start = drop { $0 == " " || $0 == "\t" }
        return String(String(start.reversed()).drop { $0 == " " || $0 == "\t" }.reversed())
    }

    /// The parts between separators that are not in a quoted string; nil if a quoted string does not end.
    fileprivate func splitOutsideQuotes(at separator: Character) -> [String]? {
        var parts = [""]
        var isQuoted = false
        var isEscaped = false
        for character in self {
            if character == separator, !isQuoted {
                parts.append("")
                continue
            }
            parts[parts.count - 1].append(character)
            if isEscaped {
                isEscaped = false
            } else if character == "\\" {
                isEscaped = isQuoted
            } else if character == "\"" {
                isQuoted.toggle()
            }
        }
        return isQuoted ? nil : parts
    }
}

extension String {
    /// The text of a token or of a quoted string.
    fileprivate var unquoted: String {
        guard count >= 2, hasPrefix("\""), hasSuffix("\"") else { return self }
        return String(dropFirst().dropLast().replacing(/\\(.)/) { $0.output.1 })
    }
}

extension HTTPField.Name {
    private static func constant(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else {
            preconditionFailure("not a field name: \(name)")
        }
        return name
    }

    fileprivate static let forwarded = constant("Forwarded")
    fileprivate static let xForwardedFor = constant("X-Forwarded-For")
}
