package import NIOCore

/// One WebSocket: takes over a channel after a 101 response and speaks RFC 6455 on it.
///
/// It keeps the HTTP handlers behind it in the channel's pipeline from reading and writing. It is confined to the
/// channel's event loop.
package final class WebSocketConnection: ChannelDuplexHandler, NIOScheduledCallbackHandler {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundIn = NIOAny
    package typealias OutboundOut = ByteBuffer

    private var state: WebSocketState
    private var session: (any WebSocketSession)?
    private var context: ChannelHandlerContext?
    /// The number of bytes written since the last flush: TLS encrypts them, and the channel counts them, only then.
    private var unflushedBytes = 0
    private var received = ByteBuffer()
    private var isReceiving = false
    /// The payload of the last ping, kept unanswered while the channel is not writable.
    private var pendingPong: ByteBuffer?
    private var timer: NIOScheduledCallback?

    /// How many bytes may wait for a flush; a channel's own limit is the same by default.
    private static let maximumUnflushedBytes = 64 * 1024

    private init(limits: WebSocketLimits, session: any WebSocketSession) {
        state = WebSocketState(limits: limits, at: .now())
        self.session = session
    }

    /// Takes over a channel to which the head of a 101 response has been written.
    ///
    /// - Parameters:
    ///   - position: The position in front of the HTTP handlers.
    ///   - received: The bytes that followed the request: a client may send frames before it gets the response, since
    ///     RFC 6455, section 4.1, does not forbid it.
    ///   - isQuiescing: Whether the server is shutting down.
    /// - Throws: `ChannelError` if the channel is already closed.
    package static func takeOver(
        _ channel: any Channel,
        at position: ChannelPipeline.SynchronousOperations.Position = .first,
        received: ByteBuffer = ByteBuffer(),
        isQuiescing: Bool = false,
        limits: WebSocketLimits,
        session: any WebSocketSession
    ) throws {
        guard channel.isActive else { throw ChannelError.ioOnClosedChannel }
        let connection = WebSocketConnection(limits: limits, session: session)
        connection.received = received
        // From here on, only the connection asks for bytes, and TLS for the rest of a record.
        try channel.syncOptions?.setOption(.autoRead, value: false)
        try channel.pipeline.syncOperations.addHandler(connection, position: position)
        session.opened(connection)
        if isQuiescing {
            session.serverIsShuttingDown(connection)
        }
        connection.receive()
    }

    /// Whether messages can be sent and received: neither side has sent a close frame.
    package var isOpen: Bool {
        state.isOpen && context != nil
    }

    /// Whether the send buffer has room; anything written while it is full stays in memory.
    package var isWritable: Bool {
        unflushedBytes <= Self.maximumUnflushedBytes && context?.channel.isWritable ?? false
    }

    /// Writes a text message, which must be valid UTF-8; does nothing if the connection is not open.
    package func write(text: ByteBuffer) {
        write(frame: WebSocketFrame.encode(.text, text))
    }

    /// Writes a binary message; does nothing if the connection is not open.
    package func write(binary: ByteBuffer) {
        write(frame: WebSocketFrame.encode(.binary, binary))
    }

    /// Writes a frame encoded by `WebSocketFrame`; does nothing if the connection is not open.
    package func write(frame: ByteBuffer) {
        guard isOpen else { return }
        send(frame)
    }

    /// Sends what has been written so far.
    package func flush() {
        unflushedBytes = 0
        context?.flush()
    }

    /// Sends a close frame after everything written before, and drops the connection if the peer does not answer within
    /// `closeTimeout`.
    ///
    /// - Parameters:
    ///   - code: A code that a close frame may contain.
    ///   - reason: A human-readable reason; truncated to 123 bytes.
    package func close(_ code: WebSocketCloseCode, reason: String = "") {
        guard let action = state.close(code, reason: reason, at: .now()) else { return }
        perform(action)
        receive()
    }

    /// Stops reading, so that TCP backpressure stops the peer from sending.
    ///
    /// Until `resume`, pings are not answered and a close by the peer is not noticed.
    package func pause() {
        state.pause()
    }

    /// Starts reading again after `pause`.
    package func resume() {
        state.resume(at: .now())
        receive()
    }
}

// MARK: - Channel events

extension WebSocketConnection {
    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        armTimer()
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        state.hear(at: .now())
        if received.readableBytes == 0 {
            received = bytes
        } else {
            received.writeBuffer(&bytes)
        }
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        receive()
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        if let payload = pendingPong, isWritable {
            pendingPong = nil
            answerPing(payload)
            flush()
        }
        session?.writabilityChanged(of: self)
        context.fireChannelWritabilityChanged()
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        context.fireUserInboundEventTriggered(event)
        switch event {
        case is ChannelShouldQuiesceEvent: session?.serverIsShuttingDown(self)
        case ChannelEvent.inputClosed: context.close(promise: nil)
        default: break
        }
    }

    package func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        self.context = nil
        session?.closed(state.closeCode ?? .abnormal)
        session = nil
        context.fireChannelInactive()
    }

    /// Ignores reads requested by the handlers behind; `receive` requests them.
    package func read(context: ChannelHandlerContext) {}

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.outputClosed)
    }

    package func handleScheduledCallback(eventLoop: some EventLoop) {
        timer = nil
        switch state.elapse(to: .now()) {
        case .ping:
            send(WebSocketFrame.encode(.ping, ByteBuffer()))
            flush()
            armTimer()
        case .drop: context?.close(promise: nil)
        case nil: armTimer()
        }
    }
}

extension WebSocketConnection {
    /// Processes the received bytes, and requests more if the state wants them.
    private func receive() {
        guard !isReceiving else { return }
        isReceiving = true
        while context != nil, let action = state.next(from: &received, at: .now()) {
            perform(action)
        }
        isReceiving = false
        if received.readableBytes == 0 {
            received = ByteBuffer()
        } else if received.readerIndex > received.readableBytes {
            // Free the processed bytes: while a large frame arrives in pieces, the buffer never becomes empty.
            received.discardReadBytes()
        }
        flush()
        if state.wantsBytes {
            context?.read()
        }
    }

    private func perform(_ action: WebSocketState.Action) {
        switch action {
        case .deliverText(let message): session?.received(text: message, on: self)
        case .deliverBinary(let message): session?.received(binary: message, on: self)
        case .answerPing(let payload): answerPing(payload)
        case .startClosing(let payload):
            send(WebSocketFrame.encode(.close, payload))
            armTimer()
        case .answerClose(let payload):
            send(WebSocketFrame.encode(.close, payload))
            armTimer()
            endStream()
        case .endStream: endStream()
        }
    }

    private func answerPing(_ payload: ByteBuffer) {
        if isWritable {
            send(WebSocketFrame.encode(.pong, payload))
        } else {
            pendingPong = payload
        }
    }

    private func send(_ frame: ByteBuffer) {
        unflushedBytes += frame.readableBytes
        context?.write(wrapOutboundOut(frame), promise: nil)
    }

    private func endStream() {
        flush()
        context?.close(mode: .output, promise: nil)
    }

    private func armTimer() {
        timer?.cancel()
        // This throws only if the event loop is shut down, and then its channels are closed.
        timer = try? context?.eventLoop.assumeIsolated().scheduleCallback(at: state.deadline, handler: self)
    }
}
