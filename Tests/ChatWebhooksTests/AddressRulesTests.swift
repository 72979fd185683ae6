import ChatTestSupport
import ChatWebhooks
import NIOCore
import Testing

@Suite struct AddressRulesTests {
    @Test(
        arguments: [
            "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1",
            "127.255.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.7", "192.88.99.1",
            "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.9", "224.0.0.1",
            "239.255.255.250", "240.0.0.1", "255.255.255.255",
            "::", "::1", "::7f00:1", "fe80::1", "febf::1", "fec0::1", "fc00::1", "fd12:3456::1", "ff02::1",
            "::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1", "64:ff9b::7f00:1",
            "64:ff9b:1::1", "2001::1", "2001:2::1", "2001:db8::1", "2002:7f00:1::", "2002:a00:1::1", "3fff::1",
            "100::1",
            "5f00::1", "::10.0.0.1",
        ]
    )
    func `an address that is not globally reachable is refused`(text: String) throws {
        let address = try SocketAddress(ipAddress: text, port: 80)
        #expect(!AddressRules.publicOnly.allow(address))
        #expect(AddressRules.any.allow(address))
    }

    @Test(
        arguments: [
            "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
            "169.253.0.1", "169.255.0.1", "172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.0.1", "198.17.0.1",
            "198.20.0.1", "223.255.255.255", "2600::1", "2a00:1450:4001:80b::200e", "2001:200::1", "2001:db9::1",
            "2003::1", "3ffe::1", "::ffff:1.1.1.1", "64:ff9b::101:101",
        ]
    )
    func `a public address is allowed, also right beside a private network`(text: String) throws {
        #expect(AddressRules.publicOnly.allow(try SocketAddress(ipAddress: text, port: 443)))
    }

    @Test(
        arguments: [
            "127.0.0.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "127.1", "localhost", "::1",
            "::ffff:127.0.0.1", "::ffff:7f00:1", "0",
        ]
    )
    func `every spelling of this machine's address resolves to one that is refused`(host: String) async throws {
        let addresses = try await SystemResolver().addresses(of: host, port: 80)
        #expect(!addresses.isEmpty)
        #expect(!addresses.contains { AddressRules.publicOnly.allow($0) })
    }

    @Test func `a file's address is none`() throws {
        #expect(!AddressRules.publicOnly.allow(try SocketAddress(unixDomainSocketPath: "/tmp/socket")))
    }
}
