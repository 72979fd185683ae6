package import NIOCore

/// An IPv4 address, or the first 64 bits of an IPv6 address, which stand for one client.
///
/// Providers assign each customer at least a /64.
package enum AddressBlock: Hashable, Sendable, CustomStringConvertible {
    case ipv4(UInt32)
    case ipv6(UInt64)
    case other

    /// Such as `192.0.2.1` or `2001:db8:0:1::/64`.
    package var description: String {
        switch self {
        case .ipv4(let bits):
            stride(from: 24, through: 0, by: -8).map { String(bits >> $0 & 0xFF) }.joined(separator: ".")
        case .ipv6(let bits):
            stride(from: 48, through: 0, by: -16).map { String(bits >> $0 & 0xFFFF, radix: 16) }.joined(separator: ":")
                + "::/64"
        case .other: "other"
        }
    }

    /// The block of a peer's address; `other` without an IP address.
    package init(_ address: SocketAddress?) {
        switch address {
        case .v4(let address):
            self = .ipv4(withUnsafeBytes(of: address.address) { $0.word(at: 4) })
        case .v6(let address):
            let words = withUnsafeBytes(of: address.address) { bytes in (2..<6).map { bytes.word(at: 4 * $0) } }
            // An IPv4-mapped address, as a dual-stack socket reports it (RFC 4291, section 2.5.5.2).
            self =
                words[0] == 0 && words[1] == 0 && words[2] == 0xFFFF
                ? .ipv4(words[3]) : .ipv6(UInt64(words[0]) << 32 | UInt64(words[1]))
        default:
            self = .other
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Four bytes of an address, which starts at offset 4 in a `sockaddr_in` and at 8 in a `sockaddr_in6`.
    fileprivate func word(at offset: Int) -> UInt32 {
        UInt32(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
}

extension SocketAddress {
    /// The address of a client, for logs; empty without an IP address.
    ///
    /// An IPv4 address looks the same whether or not the socket is for both families.
    package var clientText: String {
        let block = AddressBlock(self)
        return if case .ipv4 = block { block.description } else { ipAddress ?? "" }
    }
}
