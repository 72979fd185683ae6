import HTTPConnections
import HTTPTypes
import NIOCore
import Testing

@Suite struct TrustedProxiesTests {
    private let proxies = TrustedProxies(list: "127.0.0.1,10.0.0.0/8,fd00::/8,::1")

    private func client(_ fields: [(String, String)], from peer: String) throws -> String? {
        var headers = HTTPFields()
        for (name, value) in fields {
            headers.append(HTTPField(name: try #require(HTTPField.Name(name)), value: value))
        }
        let address = try SocketAddress(ipAddress: peer, port: 4_711)
        return try #require(proxies).client(of: headers, from: address)?.ipAddress
    }

    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:4711", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:DB8:0::1]:4711", "2001:db8::1"),
        (" 192.0.2.1\t", "192.0.2.1"),
        // What the client claims is to the left of what the proxies saw.
        ("1.1.1.1, 192.0.2.1", "192.0.2.1"),
        ("1.1.1.1, 192.0.2.1, 10.0.0.7", "192.0.2.1"),
        ("1.1.1.1,192.0.2.1,10.0.0.7,fd00::9,[::1]:80", "192.0.2.1"),
        ("::ffff:10.0.0.7, 192.0.2.1, ::ffff:10.0.0.7", "192.0.2.1"),
        // Malformed, but not looked at.
        ("nonsense, 192.0.2.1", "192.0.2.1"),
        // A client within the trusted networks.
        ("10.0.0.8, 10.0.0.7", "10.0.0.8"),
        // Malformed: the peer's address.
        ("", "10.1.2.3"),
        ("192.0.2.1,", "10.1.2.3"),
        ("nonsense", "10.1.2.3"),
        ("192.0.2.1, unknown, 10.0.0.7", "10.1.2.3"),
        ("192.0.2.1:", "10.1.2.3"),
        ("192.0.2.1:99999", "10.1.2.3"),
        ("192.0.2", "10.1.2.3"),
        ("[192.0.2.1]", "10.1.2.3"),
        ("[2001:db8::1", "10.1.2.3"),
        ("[2001:db8::1]80", "10.1.2.3"),
        ("2001:db8::1%eth0", "10.1.2.3"),
        ("\"192.0.2.1\"", "10.1.2.3"),
    ])
    func `X-Forwarded-For names the client`(_ value: String, _ expected: String) throws {
        #expect(try client([("X-Forwarded-For", value)], from: "10.1.2.3") == expected)
    }

    @Test(arguments: [
        ("for=192.0.2.1", "192.0.2.1"),
        ("For=\"192.0.2.1:4711\"", "192.0.2.1"),
        ("for=\"[2001:db8::1]:4711\"", "2001:db8::1"),
        ("proto=https; FOR=192.0.2.1 ;by=10.0.0.1;host=\"a,b;c\"", "192.0.2.1"),
        ("for=1.1.1.1, for=192.0.2.1;by=\"_a\\\",for=2.2.2.2\", for=10.0.0.7", "192.0.2.1"),
        ("for=_hidden, for=192.0.2.1", "192.0.2.1"),
        ("for=\"192.0.\\2.1\"", "192.0.2.1"),
        ("for=192.0.2.1, for=_hidden", "10.1.2.3"),
        ("for=unknown", "10.1.2.3"),
        ("proto=https", "10.1.2.3"),
        ("for=192.0.2.1;for=1.1.1.1", "10.1.2.3"),
        ("for=\"192.0.2.1", "10.1.2.3"),
        ("192.0.2.1", "10.1.2.3"),
    ])
    func `Forwarded names the client`(_ value: String, _ expected: String) throws {
        #expect(try client([("Forwarded", value)], from: "10.1.2.3") == expected)
    }

    @Test func `several lines are one list`() throws {
        let fields = [
            ("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-For", "192.0.2.1"), ("x-forwarded-for", "10.0.0.7"),
        ]
        #expect(try client(fields, from: "10.1.2.3") == "192.0.2.1")
        let forwarded = [("Forwarded", "for=1.1.1.1"), ("Forwarded", "for=192.0.2.1")]
        #expect(try client(forwarded, from: "10.1.2.3") == "192.0.2.1")
    }

    /// A proxy that sets one of the headers passes the other on from the client.
    @Test func `headers that disagree are ignored`() throws {
        func client(_ forwarded: String, _ list: String) throws -> String? {
            try self.client([("Forwarded", forwarded), ("X-Forwarded-For", list)], from: "10.1.2.3")
        }
        #expect(try client("for=192.0.2.1", "192.0.2.1") == "192.0.2.1")
        #expect(try client("for=1.1.1.1", "192.0.2.1") == "10.1.2.3")
        #expect(try client("for=192.0.2.1", "1.1.1.1") == "10.1.2.3")
        #expect(try client("for=unknown", "192.0.2.1") == "10.1.2.3")
    }

    @Test func `anyone else's headers are ignored`() throws {
        for peer in ["192.0.2.9", "11.0.0.1", "2001:db8::9", "127.0.0.2"] {
            for field in [("X-Forwarded-For", "1.1.1.1"), ("Forwarded", "for=1.1.1.1")] {
                #expect(try client([field], from: peer) == peer)
            }
        }
        // A dual-stack socket shows IPv4 peers as IPv6 addresses.
        #expect(try client([("X-Forwarded-For", "1.1.1.1")], from: "::ffff:10.1.2.3") == "1.1.1.1")
        #expect(try client([("X-Forwarded-For", "1.1.1.1")], from: "fdff::1") == "1.1.1.1")
        let fields: HTTPFields = [try #require(HTTPField.Name("X-Forwarded-For")): "1.1.1.1"]
        let peer = try SocketAddress(ipAddress: "127.0.0.1", port: 1)
        #expect(TrustedProxies.none.client(of: fields, from: peer) == peer)
        #expect(proxies?.client(of: fields, from: nil) == nil)
    }

    @Test(arguments: [
        "", "10.0.0.0/8,", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/", "10.0.0/8", "::/129",
        "fd00::1/8", "localhost", "[::1]",
    ])
    func `a list must have valid networks`(_ list: String) {
        #expect(TrustedProxies(list: list) == nil)
    }

    @Test func `a network can be everything`() throws {
        let ipv4 = try #require(TrustedProxies(list: "0.0.0.0/0"))
        #expect(ipv4.contains(try SocketAddress(ipAddress: "203.0.113.9", port: 1)))
        #expect(!ipv4.contains(try SocketAddress(ipAddress: "2001:db8::1", port: 1)))
        let all = try #require(TrustedProxies(list: "::/0"))
        #expect(all.contains(try SocketAddress(ipAddress: "203.0.113.9", port: 1)))
    }
}
