package import NIOCore

/// The server side of RFC 6455 as a state machine without I/O, from bytes to messages.
///
/// A connection is open until one side sends a close frame. If the server is first, it discards everything up to the
/// peer's close frame. After both close frames, the server ends its stream, and then the peer ends its own.
package struct WebSocketState {
    private enum Phase {
        case open
        /// The server has sent a close frame and waits for the peer's.
        case closing
        /// Both close frames have been sent.
        case ended
    }

    private let limits: WebSocketLimits
    private var phase = Phase.open
    /// The frame whose payload is arriving.
    private var frame: WebSocketFrameHead?
    /// The kind of the message whose fragments are arriving.
    private var messageKind: WebSocketOpcode?
    private var message = ByteBuffer()
    private var text = UTF8Validator()
    private var isAwaitingPong = false
    /// When to call `elapse`.
    package private(set) var deadline: NIODeadline
    /// The code of the first close frame from either side.
    package private(set) var closeCode: WebSocketCloseCode?
    private var isPaused = false

    /// The state of a connection that has just been opened.
    package init(limits: WebSocketLimits, at now: NIODeadline) {
        self.limits = limits
        deadline = now + TimeAmount(limits.pingInterval)
    }

    /// Whether messages can be sent and received.
    package var isOpen: Bool {
        phase == .open
    }

    /// Whether to read more bytes from the peer.
    package var wantsBytes: Bool {
        !(isPaused && isOpen)
    }

    /// A step for the connection to carry out.
    package enum Action: Equatable {
        case deliverText(ByteBuffer)
        case deliverBinary(ByteBuffer)
        case answerPing(ByteBuffer)
        /// Send a close frame with this payload and wait for the peer's.
        case startClosing(ByteBuffer)
        /// Answer the peer's close frame with this payload and end the stream.
        case answerClose(ByteBuffer)
        /// End the stream: the peer has answered the close frame.
        case endStream
    }

    /// Consumes `bytes` up to the next action; nil if more bytes are needed.
    package mutating func next(from bytes: inout ByteBuffer, at now: NIODeadline) -> Action? {
        while wantsBytes, phase != .ended {
            if frame == nil {
                guard let head = WebSocketFrameHead(from: &bytes) else { return nil }
                frame = head
                if isOpen, let code = violation(of: head) { return startClosing(code, at: now) }
            }
            guard let head = frame else { return nil }
            let action =
                switch head.opcode {
                case .text where isOpen, .binary where isOpen, .continuation where isOpen:
                    receiveFragment(head, from: &bytes, at: now)
                case .ping where isOpen, .close where isOpen:
                    receiveControl(head, from: &bytes, at: now)
                default:
                    skip(head, in: &bytes)
                }
            if let action { return action }
            if frame != nil { return nil }
        }
        if phase == .ended { bytes.clear() }
        return nil
    }

    /// Restarts the ping timer, because the peer has sent something.
    package mutating func hear(at now: NIODeadline) {
        guard isOpen else { return }
        isAwaitingPong = false
        deadline = now + TimeAmount(limits.pingInterval)
    }

    /// A reaction to a deadline that has passed.
    package enum TimeoutAction: Equatable {
        case ping
        case drop
    }

    /// Decides what to do if the deadline has passed.
    package mutating func elapse(to now: NIODeadline) -> TimeoutAction? {
        guard now >= deadline else { return nil }
        if !wantsBytes {
            // While paused, an answer from the peer would still be unread.
            hear(at: now)
            return nil
        }
        guard isOpen, !isAwaitingPong else { return .drop }
        isAwaitingPong = true
        deadline = now + TimeAmount(limits.pongTimeout)
        return .ping
    }

    /// Starts the closing handshake; nil if it has already started.
    ///
    /// - Parameter reason: Truncated to fit into a close frame.
    package mutating func close(_ code: WebSocketCloseCode, reason: String, at now: NIODeadline) -> Action? {
        guard isOpen else { return nil }
        precondition(code.maySend, "a close frame cannot contain the code \(code.rawValue)")
        return startClosing(code, reason: reason, at: now)
    }

    /// Stops consuming bytes until `resume`.
    package mutating func pause() {
        isPaused = true
    }

    /// Ends a pause and restarts the ping timer.
    package mutating func resume(at now: NIODeadline) {
        isPaused = false
        hear(at: now)
    }
}

extension WebSocketState {
    private static let maximumControlBytes: UInt64 = 125

    private func violation(of head: WebSocketFrameHead) -> WebSocketCloseCode? {
        guard let opcode = head.opcode, !head.hasReservedBits, head.isMasked else { return .protocolError }
        if opcode.isControl {
            return head.isFinal && head.remaining <= Self.maximumControlBytes ? nil : .protocolError
        }
        guard (opcode == .continuation) == (messageKind != nil) else { return .protocolError }
        let room = UInt64(limits.maximumMessageBytes - message.readableBytes)
        return head.remaining <= room ? nil : .messageTooBig
    }

    private mutating func receiveFragment(
        _ head: WebSocketFrameHead,
        from bytes: inout ByteBuffer,
        at now: NIODeadline
    ) -> Action? {
        var head = head
        let old = message.readableBytes
        head.movePayload(from: &bytes, to: &message)
        frame = head.remaining > 0 ? head : nil
        let kind = messageKind ?? head.opcode
        messageKind = kind
        if kind == .text, !text.accept(message.readableBytesView.dropFirst(old)) {
            return startClosing(.invalidPayload, at: now)
        }
        guard frame == nil, head.isFinal else { return nil }
        guard text.isComplete else { return startClosing(.invalidPayload, at: now) }
        defer { dropMessage() }
        return kind == .text ? .deliverText(message) : .deliverBinary(message)
    }

    private mutating func receiveControl(
        _ head: WebSocketFrameHead,
        from bytes: inout ByteBuffer,
        at now: NIODeadline
    ) -> Action? {
        guard UInt64(bytes.readableBytes) >= head.remaining else { return nil }
        var head = head
        var payload = ByteBuffer()
        head.movePayload(from: &bytes, to: &payload)
        frame = nil
        return head.opcode == .ping ? .answerPing(payload) : receiveClose(payload, at: now)
    }

    private mutating func skip(_ head: WebSocketFrameHead, in bytes: inout ByteBuffer) -> Action? {
        var head = head
        head.skipPayload(in: &bytes)
        frame = head.remaining > 0 ? head : nil
        guard frame == nil, head.opcode == .close else { return nil }
        phase = .ended
        return .endStream
    }

    private mutating func receiveClose(_ payload: ByteBuffer, at now: NIODeadline) -> Action {
        let code = Self.code(ofClose: payload)
        stopReceiving(code, at: now)
        phase = .ended
        return .answerClose(code == .noStatus ? ByteBuffer() : ByteBuffer(integer: code.rawValue))
    }

    /// The code with which to answer a close frame: its own if the frame is valid.
    private static func code(ofClose payload: ByteBuffer) -> WebSocketCloseCode {
        var reason = payload
        guard let number = reason.readInteger(as: UInt16.self) else {
            return payload.readableBytes == 0 ? .noStatus : .protocolError
        }
        let code = WebSocketCloseCode(rawValue: number)
        guard code.maySend else { return .protocolError }
        var text = UTF8Validator()
        return text.accept(reason.readableBytesView) && text.isComplete ? code : .invalidPayload
    }

    private mutating func startClosing(
        _ code: WebSocketCloseCode,
        reason: String = "",
        at now: NIODeadline
    ) -> Action {
        stopReceiving(code, at: now)
        phase = .closing
        var payload = ByteBuffer(integer: code.rawValue)
        for character in reason {
            let size = character.utf8.count
            guard payload.readableBytes + size <= Self.maximumControlBytes else { break }
            payload.writeString(String(character))
        }
        return .startClosing(payload)
    }

    private mutating func stopReceiving(_ code: WebSocketCloseCode, at now: NIODeadline) {
        closeCode = code
        deadline = now + TimeAmount(limits.closeTimeout)
        dropMessage()
    }

    private mutating func dropMessage() {
        messageKind = nil
        message = ByteBuffer()
        text = UTF8Validator()
    }
}
