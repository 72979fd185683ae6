package import NIOCore

/// What `WebSocketConnection` decides, without its I/O: the server's side of RFC 6455 from bytes to messages.
///
/// A connection is open until one side has sent a close frame. If this side was first, what still arrives is skipped
/// until the peer's close frame. After both frames the stream is ended, and the peer ends its own.
package struct WebSocketState {
    private enum Phase {
        case open
        /// This side has sent its close frame, and the peer's is to come.
        case closing
        /// Both close frames are sent.
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
    /// When something is to be done if nothing happens before.
    package private(set) var deadline: NIODeadline
    /// The code of the first close frame, whoever sent it.
    package private(set) var closeCode: WebSocketCloseCode?
    private var isPaused = false

    package init(limits: WebSocketLimits, at now: NIODeadline) {
        self.limits = limits
        deadline = now + TimeAmount(limits.pingInterval)
    }

    /// Whether messages can still be sent and received.
    package var isOpen: Bool {
        phase == .open
    }

    /// Whether more bytes are wanted from the peer.
    package var wantsBytes: Bool {
        !(isPaused && isOpen)
    }

    package enum Action: Equatable {
        case deliverText(ByteBuffer)
        case deliverBinary(ByteBuffer)
        case answerPing(ByteBuffer)
        /// Send a close frame with this payload, and wait for the peer's.
        case startClosing(ByteBuffer)
        /// Send a close frame with this payload in answer to the peer's, and end the stream.
        case answerClose(ByteBuffer)
        /// The peer has answered the close frame: end the stream.
        case endStream
    }

    /// Takes from the front of `bytes` until something is to be done; nil when there is nothing more to take.
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

    /// Notes that the peer has sent something.
    package mutating func hear(at now: NIODeadline) {
        guard isOpen else { return }
        isAwaitingPong = false
        deadline = now + TimeAmount(limits.pingInterval)
    }

    package enum TimeoutAction: Equatable {
        case ping
        case drop
    }

    /// Acts on a deadline that has passed.
    package mutating func elapse(to now: NIODeadline) -> TimeoutAction? {
        guard now >= deadline else { return nil }
        if !wantsBytes {
            // The peer may have answered, and nobody has looked.
            hear(at: now)
            return nil
        }
        guard isOpen, !isAwaitingPong else { return .drop }
        isAwaitingPong = true
        deadline = now + TimeAmount(limits.pongTimeout)
        return .ping
    }

    /// Starts to close, unless that has begun.
    ///
    /// - Parameter reason: Is cut to what a close frame can hold.
    package mutating func close(_ code: WebSocketCloseCode, reason: String, at now: NIODeadline) -> Action? {
        guard isOpen else { return nil }
        precondition(code.maySend, "\(code.rawValue) stands for the absence of a close frame, or for nothing")
        return startClosing(code, reason: reason, at: now)
    }

    package mutating func pause() {
        isPaused = true
    }

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

    /// The code to answer a close frame with, which is its own if it is as it must be.
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
