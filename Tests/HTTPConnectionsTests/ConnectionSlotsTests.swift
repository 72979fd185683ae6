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
        for text in ["::ffff:192.0.2.1", "192.0.2.1"] {
            #expect(try SocketAddress(ipAddress: text, port: 1).clientText == "192.0.2.1")
        }
        #expect(try SocketAddress(ipAddress: "2001:db8::1", port: 1).clientText == "2001:db8::1")
        #expect(try block("192.0.2.1") != block("192.0.2.2"))
        #expect(AddressBlock(nil) == .other)
    }

    @Test func `an address block is written in CIDR notation`() throws {
        #expect(try block("192.0.2.1").description == "192.0.2.1")
        #expect(try block("2001:db8:0:1::1").description == "2001:db8:0:1::/64")
    }

    @Test func `slots are limited per address and in total`() throws {
        var limits = HTTPLimits()
        limits.maximumConnections = 3
        limits.maximumConnectionsPerAddress = 2
        let slots = ConnectionSlots(limits: limits)
        let (one, other) = (AddressBlock.ipv4(1), AddressBlock.ipv6(2))
        func take(for address: AddressBlock) -> Bool {
            slots.take(for: address)
        }
        #expect([one, one, one].map(take) == [true, true, false])
        #expect([other, other].map(take) == [true, false])
        slots.giveBack(of: one)
        #expect([other, other].map(take) == [true, false])
        slots.giveBack(of: other)
        slots.giveBack(of: other)
        slots.giveBack(of: one)
        #expect([one, one, one].map(take) == [true, true, false])
    }

    @Test func `the oldest surplus connection without a request makes room`() throws {
        var limits = HTTPLimits()
        limits.maximumSurplusConnections = 2
        let slots = ConnectionSlots(limits: limits)
        let client = try block("192.0.2.1")
        let channels = (0..<5).map { _ in EmbeddedChannel() }
        func losesItsSlot(to index: Int) -> Int? {
            let loser = slots.takeSurplus(for: channels[index], from: client)
            return channels.firstIndex { $0 === loser }
        }
        #expect([0, 1].map(losesItsSlot) == [nil, nil])
        slots.markSurplus(channels[0], isAnswered: true)
        #expect(losesItsSlot(to: 2) == 1)
        slots.giveSurplusBack(of: channels[0])
        #expect(losesItsSlot(to: 3) == nil)
        slots.markSurplus(channels[2], isAnswered: true)
        slots.markSurplus(channels[3], isAnswered: true)
        #expect(losesItsSlot(to: 4) == 2, "the oldest goes when all are being answered")
        slots.markSurplus(channels[3], isAnswered: false)
        #expect(losesItsSlot(to: 0) == 3, "a connection that has its response makes room")
    }

    @Test func `the client with the most surplus connections makes room`() throws {
        var limits = HTTPLimits()
        limits.maximumSurplusConnections = 3
        let slots = ConnectionSlots(limits: limits)
        let (one, other) = (try block("192.0.2.1"), try block("192.0.2.2"))
        let channels = (0..<5).map { _ in EmbeddedChannel() }
        func losesItsSlot(to index: Int, of client: AddressBlock) -> Int? {
            let loser = slots.takeSurplus(for: channels[index], from: client)
            return channels.firstIndex { $0 === loser }
        }
        #expect(losesItsSlot(to: 0, of: other) == nil)
        #expect([1, 2].map { losesItsSlot(to: $0, of: one) } == [nil, nil])
        #expect([3, 4].map { losesItsSlot(to: $0, of: one) } == [1, 2])
    }

    @Test func `a client within its share of the unsent bytes is served`() throws {
        let unsent = UnsentBytes(maximum: 100)
        let (one, other) = (try block("192.0.2.1"), try block("192.0.2.2"))
        unsent.add(90, of: one)
        #expect(!unsent.isOverLimit(for: one))
        unsent.add(20, of: other)
        #expect(unsent.isOverLimit)
        #expect([one, other, try block("192.0.2.3")].map(unsent.isOverLimit) == [true, false, false])
        unsent.add(-90, of: one)
        #expect(!unsent.isOverLimit(for: one))
    }
}
