import ChatTestSupport
import NIOCore
import Testing
import WebSocket

/// The protocol's decisions, with the bytes and the clock passed in.
@Suite struct WebSocketStateTests {
    private static let limits: WebSocketLimits = {
        var limits = WebSocketLimits()
        limits.maximumMessageBytes = 1_000
        return limits
    }()

    /// A connection that reports its decisions as comparable values.
    private final class Peer {
        var state = WebSocketState(limits: limits, at: .uptimeNanoseconds(0))
        private var bytes = ByteBuffer()

        init(_ frames: WebSocketClientFrame...) {
            send(frames.flatMap(\.bytes))
        }

        func send(_ bytes: [UInt8]) {
            self.bytes.writeBytes(bytes)
        }

        func decisions(at seconds: Int64 = 0) -> [String] {
            var decisions: [String] = []
            while let action = state.next(from: &bytes, at: time(seconds)) {
                decisions.append(describe(action))
            }
            return decisions
        }

        func decisions(sending bytes: [UInt8], inPartsOf size: Int) -> [String] {
            stride(from: 0, to: bytes.count, by: size).flatMap { start in
                send(Array(bytes[start..<min(start + size, bytes.count)]))
                return decisions()
            }
        }

        func elapse(to seconds: Int64) -> WebSocketState.TimeoutAction? {
            state.elapse(to: time(seconds))
        }

        func hear(at seconds: Int64) {
            state.hear(at: time(seconds))
        }

        func close(
            _ code: WebSocketCloseCode,
            reason: String = "",
            at seconds: Int64 = 0
        ) -> String? {
            state.close(code, reason: reason, at: time(seconds)).map(describe)
        }

        private func time(_ seconds: Int64) -> NIODeadline {
            .uptimeNanoseconds(0) + .seconds(seconds)
        }

        private func describe(_ action: WebSocketState.Action) -> String {
            switch action {
            case .deliverText(let text): "text \(String(buffer: text))"
            case .deliverBinary(let bytes): "binary \(Array(bytes.readableBytesView))"
            case .answerPing(let payload): "pong \(String(buffer: payload))"
            case .startClosing(let payload): "close \(describe(closing: payload))"
            case .answerClose(let payload): "answer \(describe(closing: payload))"
            case .endStream: "end"
            }
        }

        private func describe(closing payload: ByteBuffer) -> String {
            var reason = payload
            guard let code = reason.readInteger(as: UInt16.self) else { return "without a code" }
            return reason.readableBytes == 0 ? "\(code)" : "\(code) \(String(buffer: reason))"
        }
    }

    @Test func `messages arrive whole`() {
        let peer = Peer(
            .text("Hello"),
            WebSocketClientFrame(opcode: 2, payload: [0, 0xFF]),
            .text(""),
            .text("Ha", isFinal: false),
            .rest("", isFinal: false),
            .rest("llo")
        )
        #expect(peer.decisions() == ["text Hello", "binary [0, 255]", "text ", "text Hallo"])
        #expect(peer.state.isOpen)
    }

    @Test func `control frames may arrive between fragments`() {
        let peer = Peer(
            .text("Ha", isFinal: false),
            .ping("there?"),
            WebSocketClientFrame(opcode: 10, payload: [1, 2]),
            .rest("llo")
        )
        #expect(peer.decisions() == ["pong there?", "text Hallo"])
    }

    @Test(arguments: [1, 2, 3, 7, 1_000])
    func `a message may arrive split anywhere`(_ size: Int) {
        let frames: [WebSocketClientFrame] = [
            .text("κόσμε", isFinal: false), .ping("?"), .rest("👋"),
            WebSocketClientFrame(opcode: 2, payload: [UInt8](repeating: 7, count: 300)), .close(4_000, "good bye"),
        ]
        let peer = Peer()
        let decisions = peer.decisions(sending: frames.flatMap(\.bytes), inPartsOf: size)
        #expect(decisions == ["pong ?", "text κόσμε👋", "binary \([UInt8](repeating: 7, count: 300))", "answer 4000"])
    }

    @Test(arguments: [
        WebSocketClientFrame(opcode: 1, reservedBits: 1), WebSocketClientFrame(opcode: 2, reservedBits: 2),
        WebSocketClientFrame(opcode: 9, reservedBits: 4), WebSocketClientFrame(opcode: 3),
        WebSocketClientFrame(opcode: 7),
        WebSocketClientFrame(opcode: 11), WebSocketClientFrame(opcode: 15),
        WebSocketClientFrame(opcode: 1, isMasked: false),
        WebSocketClientFrame(opcode: 9, isFinal: false), WebSocketClientFrame(opcode: 10, isFinal: false),
        WebSocketClientFrame(opcode: 9, payload: [UInt8](repeating: 0, count: 126)),
        WebSocketClientFrame(opcode: 10, payload: [UInt8](repeating: 0, count: 1_001)), .rest("no beginning"),
    ])
    func `a violation of the protocol closes with 1002`(_ frame: WebSocketClientFrame) {
        let peer = Peer(frame, .text("never delivered"), .close(1002))
        #expect(peer.decisions() == ["close 1002", "end"])
        #expect(peer.state.closeCode == .protocolError)
    }

    @Test func `a message started inside another closes the connection with 1002`() {
        let peer = Peer(.text("a", isFinal: false), .text("b"))
        #expect(peer.decisions() == ["close 1002"])
    }

    @Test func `a message over the limit closes with 1009 before it has arrived`() {
        let whole = Peer()
        let head = WebSocketClientFrame(opcode: 2, payload: [UInt8](repeating: 0, count: 1_001)).bytes.prefix(8)
        #expect(whole.decisions(sending: Array(head), inPartsOf: 8) == ["close 1009"])

        let fragment = String(repeating: "a", count: 500)
        let fragments = Peer(.text(fragment, isFinal: false), .rest(fragment, isFinal: false), .rest("b"))
        #expect(fragments.decisions() == ["close 1009"])

        let huge = Peer()
        #expect(
            huge.decisions(sending: [0x82, 0xFF] + [UInt8](repeating: 0xFF, count: 12), inPartsOf: 14) == ["close 1009"]
        )

        let atTheLimit = Peer(.text(fragment, isFinal: false), .rest(fragment))
        #expect(atTheLimit.decisions() == ["text \(fragment)\(fragment)"])
    }

    @Test func `text that is not UTF-8 closes with 1007 at the first wrong byte`() {
        let cut = Peer(.text("a", isFinal: false))
        let frame = WebSocketClientFrame(opcode: 0, payload: [0xF4, 0x90, 0x80, 0x80]).bytes
        #expect(cut.decisions(sending: Array(frame.dropLast(3)), inPartsOf: 99) == [])
        #expect(cut.decisions(sending: [frame[frame.count - 3]], inPartsOf: 1) == ["close 1007"])

        let unfinished = Peer(WebSocketClientFrame(opcode: 1, payload: [0xE2, 0x82]))
        #expect(unfinished.decisions() == ["close 1007"])

        let split = Peer(
            WebSocketClientFrame(opcode: 1, payload: [0xE2, 0x82], isFinal: false),
            WebSocketClientFrame(opcode: 0, payload: [0xAC])
        )
        #expect(split.decisions() == ["text €"])
    }

    @Test(
        arguments: [
            ([], "without a code", 1005), ([3], "1002", 1002), ([0x03, 0xE8], "1000", 1000),
            ([0x0B, 0xB8, 0x68, 0x69], "3000", 3000), ([0x03, 0xE8, 0xC3], "1007", 1007),
            ([0x03, 0xE8, 0xFF, 0x20], "1007", 1007),
        ] as [([UInt8], String, UInt16)]
    )
    func `a close frame is answered`(_ payload: [UInt8], _ answer: String, _ code: UInt16) {
        let peer = Peer(WebSocketClientFrame(opcode: 8, payload: payload), .text("never delivered"))
        #expect(peer.decisions() == ["answer \(answer)"])
        #expect(peer.state.closeCode?.rawValue == code)
        #expect(!peer.state.isOpen)
    }

    @Test func `only codes that may be sent are echoed`() {
        let defined: Set<UInt16> = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014]
        for code in UInt16(0)...5_001 {
            let peer = Peer(.close(code))
            let isValid = defined.contains(code) || (3000...4999).contains(code)
            #expect(peer.decisions() == ["answer \(isValid ? code : 1002)"])
        }
    }

    @Test func `after our own close frame, everything before the peer's is skipped`() {
        let peer = Peer(.text("a", isFinal: false))
        #expect(peer.decisions() == [])
        #expect(peer.close(.goingAway, reason: "restart") == "close 1001 restart")
        #expect(peer.close(.normal) == nil)
        peer.send(WebSocketClientFrame.rest("b").bytes + WebSocketClientFrame.ping("?").bytes)
        peer.send(WebSocketClientFrame(opcode: 2, payload: [UInt8](repeating: 0, count: 9_999)).bytes)
        #expect(peer.decisions() == [])
        peer.send(WebSocketClientFrame.close(1001).bytes + [1, 2, 3])
        #expect(peer.decisions() == ["end"])
        #expect(peer.state.closeCode == .goingAway)
    }

    @Test func `a reason is cut between characters`() {
        let peer = Peer()
        let reason = String(repeating: "é", count: 61) + "👋"
        #expect(peer.close(.policyViolation, reason: reason) == "close 1008 " + String(repeating: "é", count: 61))
    }

    @Test func `nothing is processed while reading is paused`() {
        let peer = Peer(.text("a"), .text("b"))
        peer.state.pause()
        #expect(peer.decisions() == [])
        #expect(!peer.state.wantsBytes)
        peer.state.resume(at: .uptimeNanoseconds(0))
        #expect(peer.decisions() == ["text a", "text b"])

        peer.state.pause()
        #expect(peer.close(.normal) == "close 1000")
        #expect(peer.state.wantsBytes)
    }

    @Test func `a silent peer is pinged and then dropped`() {
        let peer = Peer()
        #expect(peer.elapse(to: 29) == nil)
        peer.hear(at: 29)
        #expect(peer.elapse(to: 58) == nil)
        #expect(peer.elapse(to: 59) == .ping)
        #expect(peer.elapse(to: 68) == nil)
        peer.hear(at: 68)
        #expect(peer.elapse(to: 98) == .ping)
        #expect(peer.elapse(to: 108) == .drop)
        #expect(peer.state.closeCode == nil)
    }

    @Test func `a peer does not count as silent while reading is paused`() {
        let peer = Peer()
        #expect(peer.elapse(to: 30) == .ping)
        peer.state.pause()
        #expect(peer.elapse(to: 40) == nil)
        #expect(peer.elapse(to: 70) == nil)
        peer.state.resume(at: .uptimeNanoseconds(0) + .seconds(90))
        #expect(peer.elapse(to: 119) == nil)
        #expect(peer.elapse(to: 120) == .ping)
    }

    @Test func `the peer has a moment to finish closing`() {
        let asked = Peer()
        #expect(asked.close(.normal, at: 10) == "close 1000")
        asked.hear(at: 14)
        #expect(asked.elapse(to: 14) == nil)
        #expect(asked.elapse(to: 15) == .drop)

        let asking = Peer(.close(1000))
        #expect(asking.decisions(at: 20) == ["answer 1000"])
        asking.hear(at: 24)
        #expect(asking.elapse(to: 25) == .drop)
    }

    @Test(arguments: 0..<50)
    func `any bytes lead to the same result however they are split`(_ seed: UInt64) {
        var random = SplitMix64(state: seed)
        let bytes = (0..<40).flatMap { _ -> [UInt8] in
            let opcode = [0, 1, 2, 9, 8, UInt8.random(in: 0...15, using: &random)].randomElement(using: &random) ?? 0
            let count = Int.random(in: 0...200, using: &random)
            return WebSocketClientFrame(
                opcode: opcode,
                payload: (0..<count).map { _ in UInt8.random(in: 0x20...0x7F, using: &random) },
                isFinal: Int.random(in: 0..<4, using: &random) > 0,
                reservedBits: Int.random(in: 0..<30, using: &random) == 0 ? 1 : 0
            ).bytes
        }
        let whole = Peer()
        let decisions = whole.decisions(sending: bytes, inPartsOf: bytes.count)
        let cut = Peer()
        #expect(cut.decisions(sending: bytes, inPartsOf: Int.random(in: 1...50, using: &random)) == decisions)
    }
}
