import HTTPConnections
import NIOCore
import NIOEmbedded
import Testing

@Suite struct ConnectionSlotsTests {
    private func block(_ address: String) throws -> AddressBlock {
        try AddressBlock(SocketAddress(ipAddress: address, port: 1))
    }

    @Test func `an IPv6 address counts as its 64-bit network`() throws {
        #expect(try block("2001:db8:1:2::1") == block("2001:db8:1:2:ffff:ffff:ffff:ffff"))
        #expect(try block("2001:db8:1:2::1") != block("2001:db8:1:3::1"))
        #expect(try block("::1") == block("::2"))
    }

    @Test func `an IPv4 address is the same when mapped to IPv6`() throws {
        #expect(try block("192.0.2.1") == .ipv4(0xC000_0201))
        #expect(try block("::ffff:192.0.2.1") == block("192.0.2.1"))
        #expect(try block("192.0.2.1") != block("192.0.2.2"))
        #expect(AddressBlock(nil) == .other)
    }

    @Test func `a block describes itself`() throws {
        #expect(try block("192.0.2.1").description == "192.0.2.1")
        #expect(try block("2001:db8:0:1::1").description == "2001:db8:0:1::/64")
    }

    @Test func `slots are limited per address and in total`() throws {
        var limits = HTTPLimits()
        limits.maximumConnections = 3
        limits.maximumConnectionsPerAddress = 2
        let slots = ConnectionSlots(limits: limits)
        let (one, other) = (AddressBlock.ipv4(1), AddressBlock.ipv6(2))
        #expect([one, one, one].map(slots.take) == [true, true, false])
        #expect([other, other].map(slots.take) == [true, false])
        slots.giveBack(of: one)
        #expect([other, other].map(slots.take) == [true, false])
        slots.giveBack(of: other)
        slots.giveBack(of: other)
        slots.giveBack(of: one)
        #expect([one, one, one].map(slots.take) == [true, true, false])
    }

    @Test func `the oldest surplus connection without a request makes room`() {
        var limits = HTTPLimits()
        limits.maximumSurplusConnections = 2
        let slots = ConnectionSlots(limits: limits)
        let channels = (0..<5).map { _ in EmbeddedChannel() }
        func losesItsSlot(to index: Int) -> Int? {
            let loser = slots.takeSurplus(for: channels[index])
            return channels.firstIndex { $0 === loser }
        }
        #expect([0, 1].map(losesItsSlot) == [nil, nil])
        slots.keepSurplus(of: channels[0])
        #expect(losesItsSlot(to: 2) == 1)
        slots.giveSurplusBack(of: channels[0])
        #expect(losesItsSlot(to: 3) == nil)
        slots.keepSurplus(of: channels[2])
        slots.keepSurplus(of: channels[3])
        #expect(losesItsSlot(to: 4) == 4, "the newest goes when all others are being answered")
    }
}
