package import NIOCore

/// Which addresses webhooks may be sent to.
///
/// Only addresses are judged, never the text of a URL, so that the many spellings of one address need no rules.
package struct AddressRules: Sendable {
    private let isAllowed: @Sendable (SocketAddress) -> Bool

    package init(allowing isAllowed: @escaping @Sendable (SocketAddress) -> Bool) {
        self.isAllowed = isAllowed
    }

    /// Allows public addresses only: none of this machine, of private networks and the like.
    package static let publicOnly = AddressRules { $0.isPublic }

    /// Allows every address.
    package static let any = AddressRules { _ in true }

    /// Whether requests may be sent to the address.
    package func allow(_ address: SocketAddress) -> Bool {
        isAllowed(address)
    }
}

extension SocketAddress {
    /// Whether the address is one that IANA lists as globally reachable.
    ///
    /// In a `sockaddr_in`, the address follows the family and the port; in a `sockaddr_in6`, also the flow label.
    package var isPublic: Bool {
        switch self {
        case .v4: withSockAddr { Self.isPublicIPv4(UnsafeRawBufferPointer(start: $0, count: $1)[4..<8]) }
        case .v6: withSockAddr { Self.isPublicIPv6(UnsafeRawBufferPointer(start: $0, count: $1)[8..<24]) }
        case .unixDomainSocket: false
        }
    }

    private static func isPublicIPv4(_ bytes: some Collection<UInt8>) -> Bool {
        !privateIPv4.contains { $0.contains(bytes) }
    }

    private static func isPublicIPv6(_ bytes: some Collection<UInt8>) -> Bool {
        if translations.contains(where: { $0.contains(bytes) }) { return isPublicIPv4(bytes.suffix(4)) }
        return globalUnicast.contains(bytes) && !privateIPv6.contains { $0.contains(bytes) }
    }

    /// The special-purpose blocks of IPv4 that are not globally reachable, multicast and the former class E.
    private static let privateIPv4 = [
        Network(0, length: 8),
        Network(10, length: 8),
        // Shared by customers of a provider (CGNAT).
        Network(100, 64, length: 10),
        Network(127, length: 8),
        Network(169, 254, length: 16),
        Network(172, 16, length: 12),
        Network(192, 0, 0, length: 24),
        Network(192, 0, 2, length: 24),
        // 6to4 relays, deprecated.
        Network(192, 88, 99, length: 24),
        Network(192, 168, length: 16),
        // Benchmarks.
        Network(198, 18, length: 15),
        Network(198, 51, 100, length: 24),
        Network(203, 0, 113, length: 24),
        Network(224, length: 3),
    ]

    /// IPv4 addresses written as IPv6: mapped (`::ffff:0:0/96`) and translated by NAT64 (`64:ff9b::/96`).
    private static let translations = [
        Network(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, length: 96),
        Network(0x00, 0x64, 0xFF, 0x9B, length: 96),
    ]

    /// Everything else is loopback, unspecified, link-local, unique local, multicast or unassigned.
    private static let globalUnicast = Network(0x20, length: 3)

    /// The special-purpose blocks in `globalUnicast`.
    private static let privateIPv6 = [
        // Protocol assignments, Teredo and benchmarks among them.
        Network(0x20, 0x01, 0x00, length: 23),
        Network(0x20, 0x01, 0x0D, 0xB8, length: 32),
        // 6to4, which contains an IPv4 address; deprecated.
        Network(0x20, 0x02, length: 16),
        Network(0x3F, 0xFF, 0x00, length: 20),
    ]
}

/// A block of addresses.
private struct Network {
    let bytes: [UInt8]
    let length: Int

    /// - Parameters:
    ///   - bytes: The first bytes of the addresses; those that are missing are zero.
    ///   - length: The number of bits that all addresses share.
    init(_ bytes: UInt8..., length: Int) {
        self.bytes = bytes + Array(repeating: 0, count: max(0, (length + 7) / 8 - bytes.count))
        self.length = length
    }

    func contains(_ address: some Collection<UInt8>) -> Bool {
        var remaining = length
        for (own, other) in zip(bytes, address) {
            if remaining <= 0 { return true }
            let mask: UInt8 = remaining >= 8 ? 0xFF : ~(0xFF >> UInt8(remaining))
            if own & mask != other & mask { return false }
            remaining -= 8
        }
        return true
    }
}
