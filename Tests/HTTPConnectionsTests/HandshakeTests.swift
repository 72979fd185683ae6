import ChatTestSupport
import Foundation
import HTTPConnections
import NIOCore
import Testing

/// Connections on which the TLS handshake has not ended.
@Suite(.timeLimit(.minutes(1)))
struct HandshakeTests {
    private func identity(in folder: String) async throws -> ServerIdentity {
        let files = try await TestCertificate(in: folder)
        return ServerIdentity(
            try CertifiedKey(certificates: bytes(of: files.certificate), key: bytes(of: files.key))
        )
    }

    private func bytes(of path: String) throws -> [UInt8] {
        try Array(Data(contentsOf: URL(filePath: path)))
    }

    @Test func `a handshake that takes too long ends the connection, which counts until then`() async throws {
        var limits = HTTPLimits()
        limits.handshakeTimeout = .milliseconds(300)
        let slots = ConnectionSlots(limits: limits)
        try await withTemporaryFolder { folder in
            let identity = try await self.identity(in: folder)
            try await ConnectionServer.run(limits: limits, slots: slots, identity: identity) { client in
                try await client.withConnection { inbound, outbound in
                    // The type and version of a record whose rest never arrives.
                    try await outbound.write(ByteBuffer(bytes: [22, 3, 1]))
                    while slots.count == 0 {
                        await Task.yield()
                    }
                    #expect(slots.count == 1)
                    let received = try await inbound.readToEnd()
                    #expect(received == [])
                }
                while slots.count > 0 {
                    await Task.yield()
                }
            }
        }
    }

    @Test func `plain HTTP gets no response`() async throws {
        try await withTemporaryFolder { folder in
            let identity = try await self.identity(in: folder)
            try await ConnectionServer.run(identity: identity) { client in
                let answer = try await client.exchange(Array("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
                #expect(!String(decoding: answer, as: UTF8.self).contains("HTTP"))
            }
        }
    }

    @Test func `a pair that cannot be used is rejected with the reason`() async throws {
        try await withTemporaryFolder { folder in
            let one = try await TestCertificate(in: folder, name: "one")
            let two = try await TestCertificate(in: folder, name: "two")
            let (certificate, key) = (try bytes(of: one.certificate), try bytes(of: one.key))
            let otherKey = try bytes(of: two.key)
            #expect(throws: CertifiedKey.Flaw.certificate("it has no PEM certificate")) {
                try CertifiedKey(certificates: key, key: key)
            }
            #expect(throws: CertifiedKey.Flaw.key("it has no unencrypted PEM private key")) {
                try CertifiedKey(certificates: certificate, key: certificate)
            }
            #expect(throws: CertifiedKey.Flaw.key("it is not the key of the first certificate")) {
                try CertifiedKey(certificates: certificate, key: otherKey)
            }
            let expiry = try CertifiedKey(certificates: certificate, key: key).expiry
            #expect(abs(Double(expiry) - Date.now.timeIntervalSince1970 - 30 * 86_400) < 3_600)
        }
    }
}
