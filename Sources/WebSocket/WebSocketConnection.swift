package import NIOCore

/// One WebSocket: takes a channel over that has answered a request with 101, and speaks RFC 6455 on it.
///
/// It stands in front of the channel's HTTP handlers, which neither read nor write from then on, and is confined to the
/// channel's event loop.
package final class WebSocketConnection: ChannelDuplexHandler, NIOScheduledCallbackHandler {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundIn = NIOAny
    package typealias OutboundOut = ByteBuffer

    private var state: WebSocketState
    private var session: (any WebSocketSession)?
    private var context: ChannelHandlerContext?
    private var received = ByteBuffer()
    private var isReceiving = false
    /// The payload of the last ping, while it cannot be answered because the peer does not read.
    private var pendingPong: ByteBuffer?
    private var timer: NIOScheduledCallback?

    private init(limits: WebSocketLimits, session: any WebSocketSession) {
        state = WebSocketState(limits: limits, at: .now())
        self.session = session
    }

    /// Takes a channel over after the head of a 101 has been written to it.
    ///
    /// A client may send frames before it has the response (RFC 6455, section 4.1, does not forbid it): they are read.
    ///
    /// - Parameters:
    ///   - received: What came behind the request.
    ///   - isQuiescing: Whether the server is shutting down.
    /// - Throws: If the channel is closed already.
    package static func takeOver(
        _ channel: any Channel,
        received: ByteBuffer = ByteBuffer(),
        isQuiescing: Bool = false,
        limits: WebSocketLimits,
        session: any WebSocketSession
    ) throws {
        guard channel.isActive else { throw ChannelError.ioOnClosedChannel }
        let connection = WebSocketConnection(limits: limits, session: session)
        connection.received = received
        try channel.pipeline.syncOperations.addHandler(connection, position: .first)
        session.opened(connection)
        if isQuiescing {
            session.serverIsShuttingDown(connection)
        }
        connection.receive()
    }

    /// Whether messages can still be sent and received: neither side has sent a close frame.
    package var isOpen: Bool {
        state.isOpen && context != nil
    }

    /// Whether the peer reads what it is sent; what is written while it does not is kept in memory.
    package var isWritable: Bool {
        context?.channel.isWritable ?? false
    }

    /// Sends a message, which must be valid UTF-8; does nothing on a connection that is not open.
    package func write(text: ByteBuffer) {
        write(frame: WebSocketFrame.encode(.text, text))
    }

    package func write(binary: ByteBuffer) {
        write(frame: WebSocketFrame.encode(.binary, binary))
    }

    /// Sends what `WebSocketFrame` has encoded.
    package func write(frame: ByteBuffer) {
        guard isOpen else { return }
        send(frame)
    }

    /// Hands what was written to the kernel.
    package func flush() {
        context?.flush()
    }

    /// Closes the connection behind what was written before, or without the peer when `closeTimeout` is over.
    ///
    /// - Parameters:
    ///   - code: One that may be sent.
    ///   - reason: For people; cut to 123 bytes.
    package func close(_ code: WebSocketCloseCode, reason: String = "") {
        guard let action = state.close(code, reason: reason, at: .now()) else { return }
        perform(action)
        receive()
    }

    /// Stops receiving, which in the end stops the peer's sending.
    ///
    /// Pings are not answered, and the peer's closing is not noticed, until `resume`.
    package func pause() {
        state.pause()
    }

    package func resume() {
        state.resume(at: .now())
        receive()
    }
}

// MARK: - What the channel tells

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
            context.flush()
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

    /// Reads are asked for in `receive`, as this side needs them, whatever the handlers behind want.
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
    /// Does what the bytes that have arrived ask for, and asks for more.
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
            // What was taken is not kept before a frame of which each read brings only a part.
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
        context?.write(wrapOutboundOut(frame), promise: nil)
    }

    private func endStream() {
        flush()
        context?.close(mode: .output, promise: nil)
    }

    private func armTimer() {
        timer?.cancel()
        // An event loop that is shut down has closed its channels.
        timer = try? context?.eventLoop.assumeIsolated().scheduleCallback(at: state.deadline, handler: self)
    }
}
