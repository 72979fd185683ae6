import ChatTestSupport
import NIOCore
import Testing
import WebSocket

/// WebSockets on real connections.
@Suite(.timeLimit(.minutes(2)))
struct WebSocketConnectionTests {
    @Test func `messages go both ways`() async throws {
        try await WebSocketServer.run { server in
            try await server.client.withConnection { inbound, outbound in
                var client = try await WebSocketClient(inbound, outbound)
                let long = String(repeating: "é", count: 30_000)
                try await client.send(.text("Hel", isFinal: false), .ping("?"), .rest("lo"), .text(long))
                #expect(try await client.nextFrame() == "pong ?")
                #expect(try await client.nextFrame() == "text Hello")
                #expect(try await client.nextFrame() == "text \(long)")
                try await client.send(.close(4_000, "bye"))
                #expect(try await client.nextFrame() == "close 4000")
                #expect(try await client.nextFrame() == nil)
            }
            #expect(await server.nextEvent() == .opened)
            #expect(await server.nextEvent() == .text("Hello"))
            #expect(await server.nextEvent() == .text(String(repeating: "é", count: 30_000)))
            #expect(await server.nextEvent() == .closed(4_000))
        }
    }

    @Test func `a frame that follows the handshake at once is read`() async throws {
        try await WebSocketServer.run { server in
            for number in 0..<50 {
                try await server.client.withConnection { inbound, outbound in
                    var client = try await WebSocketClient(inbound, outbound)
                    try await client.send(.text("\(number)"), .close(1000))
                    #expect(try await client.nextFrame() == "text \(number)")
                }
            }
        }
    }

    /// It arrives with the request, before the response is written.
    @Test func `a frame in the same packet as the handshake is read`() async throws {
        try await WebSocketServer.run { server in
            try await server.client.withConnection { inbound, outbound in
                let fields = WebSocketClient.headers.map { "\($0): \($1)\r\n" }.joined()
                var packet = ByteBuffer(string: "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\n\(fields)\r\n")
                packet.writeBytes(WebSocketClientFrame.text("early").bytes + WebSocketClientFrame.close(1000).bytes)
                try await outbound.write(packet)
                let answer = String(decoding: try await inbound.readToEnd(), as: UTF8.self)
                #expect(answer.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
                #expect(answer.contains("early"))
            }
        }
    }

    @Test func `a session that closes waits for its client`() async throws {
        try await WebSocketServer.run(reaction: { _, connection in
            connection.write(text: ByteBuffer(string: "last"))
            connection.close(.policyViolation, reason: "enough")
            connection.write(text: ByteBuffer(string: "never sent"))
        }) { server in
            try await server.client.withConnection { inbound, outbound in
                var client = try await WebSocketClient(inbound, outbound)
                try await client.send(.text("a"), .text("never received"))
                #expect(try await client.nextFrame() == "text last")
                #expect(try await client.nextFrame() == "close 1008")
                try await client.send(.close(1008))
                #expect(try await client.nextFrame() == nil)
            }
            #expect(await server.nextEvent() == .opened)
            #expect(await server.nextEvent() == .text("a"))
            #expect(await server.nextEvent() == .closed(1008))
        }
    }

    @Test func `a client that leaves without a close frame is noticed`() async throws {
        try await WebSocketServer.run { server in
            try await server.client.withConnection { inbound, outbound in
                let client = try await WebSocketClient(inbound, outbound)
                client.halfClose()
                #expect(await server.nextEvent() == .opened)
                #expect(await server.nextEvent() == .closed(1006))
            }
        }
    }

    @Test func `a silent client is pinged and then dropped`() async throws {
        var limits = WebSocketLimits()
        limits.pingInterval = .milliseconds(50)
        limits.pongTimeout = .milliseconds(50)
        try await WebSocketServer.run(limits: limits) { server in
            try await server.client.withConnection { inbound, outbound in
                var client = try await WebSocketClient(inbound, outbound)
                #expect(try await client.nextFrame() == "ping ")
                #expect(try await client.nextFrame() == nil)
            }
            #expect(await server.nextEvent() == .opened)
            #expect(await server.nextEvent() == .closed(1006))
        }
    }

    @Test func `a client that does not answer a close frame is dropped`() async throws {
        var limits = WebSocketLimits()
        limits.closeTimeout = .milliseconds(100)
        try await WebSocketServer.run(limits: limits, reaction: { $1.close(.normal) }) { server in
            try await server.client.withConnection { inbound, outbound in
                var client = try await WebSocketClient(inbound, outbound)
                try await client.send(.text("a"))
                #expect(try await client.nextFrame() == "close 1000")
                #expect(try await client.nextFrame() == nil)
            }
        }
    }

    @Test func `a client that does not read is dropped too`() async throws {
        var limits = WebSocketLimits()
        limits.closeTimeout = .milliseconds(100)
        try await WebSocketServer.run(
            limits: limits,
            reaction: { _, connection in
                // More than the kernel buffers.
                connection.write(text: ByteBuffer(repeating: 0x61, count: 1 << 25))
                connection.close(.goingAway)
            }
        ) { server in
            try await server.client.withConnection { inbound, outbound in
                let client = try await WebSocketClient(inbound, outbound)
                try await client.send(.text("a"))
                #expect(await server.nextEvent() == .opened)
                #expect(await server.nextEvent() == .text("a"))
                #expect(await server.nextEvent() == .writability(false))
                #expect(await server.nextEvent() == .closed(1001))
            }
        }
    }

    @Test func `a server that shuts down closes the socket with 1001`() async throws {
        try await WebSocketServer.run { server in
            try await server.client.withConnection { inbound, outbound in
                var client = try await WebSocketClient(inbound, outbound)
                #expect(await server.nextEvent() == .opened)
                await server.shutDown()
                #expect(try await client.nextFrame() == "close 1001")
                try await client.send(.close(1001))
                #expect(try await client.nextFrame() == nil)
            }
            #expect(await server.nextEvent() == .closed(1001))
        }
    }

    @Test func `a client that violates the protocol is told why`() async throws {
        try await WebSocketServer.run { server in
            for (frame, answer) in [
                (WebSocketClientFrame(opcode: 3), "close 1002"),
                (WebSocketClientFrame(opcode: 1, payload: [0xFF]), "close 1007"),
                (WebSocketClientFrame(opcode: 2, payload: [UInt8](repeating: 0, count: 512 * 1024 + 1)), "close 1009"),
            ] {
                try await server.client.withConnection { inbound, outbound in
                    var client = try await WebSocketClient(inbound, outbound)
                    try await client.send(frame)
                    #expect(try await client.nextFrame() == answer)
                    try await client.send(.close(1000))
                    #expect(try await client.nextFrame() == nil)
                }
            }
        }
    }

    @Test(arguments: [
        ("/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8", 426),
        ("/ws", "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ", 426),
        ("/plain", "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ", 200),
        ("/nowhere", "Connection: Upgrade\r\nUpgrade: websocket", 404),
    ])
    func `a rejected handshake is an ordinary response and the last`(_ path: String, _ fields: String, _ status: Int)
        async throws
    {
        try await WebSocketServer.run { server in
            let ordinary = "GET /plain HTTP/1.1\r\nHost: a\r\n\r\n"
            let upgrade = "GET \(path) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n"
            let bytes = try await server.client.exchange(Array((ordinary + upgrade + ordinary).utf8))
            let answers = String(decoding: bytes, as: UTF8.self).split(separator: "HTTP/1.1 ")
            #expect(answers.count == 2)
            #expect(answers.first?.hasPrefix("200 OK\r\n") == true)
            #expect(answers.first?.contains("close") == false)
            #expect(answers.last?.hasPrefix("\(status) ") == true)
            #expect(answers.last?.contains("close\r\n") == true)
        }
    }
}
