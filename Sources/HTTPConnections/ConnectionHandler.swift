import DequeModule
import Glibc
import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import NIOSSL
import NIOTLS
import Synchronization

/// One HTTP/1.1 connection: decodes requests, runs each in a task, and writes the responses.
///
/// It is the first handler in the pipeline except for TLS, carries out what `ConnectionState` decides, and is confined to
/// the channel's event loop.
final class ConnectionHandler: ChannelDuplexHandler, NIOScheduledCallbackHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// The state that all connections of a server share.
    final class Shared: Sendable {
        let limits: HTTPLimits
        let respond: RequestChannel.Respond
        let respondToError: RequestChannel.RespondToError
        let isEssential: @Sendable (String) -> Bool
        let streamTimeout: RequestChannel.StreamTimeout?
        let slots: ConnectionSlots
        let unsent: UnsentBytes
        /// Nil to serve plain HTTP.
        let identity: ServerIdentity?
        let date = ResponseDate()
        private let executors = Mutex<[ObjectIdentifier: EventLoopExecutor]>([:])

        init(
            limits: HTTPLimits,
            slots: ConnectionSlots,
            identity: ServerIdentity?,
            respond: @escaping RequestChannel.Respond,
            respondToError: @escaping RequestChannel.RespondToError,
            isEssential: @escaping @Sendable (String) -> Bool,
            streamTimeout: RequestChannel.StreamTimeout?
        ) {
            self.limits = limits
            self.respond = respond
            self.respondToError = respondToError
            self.isEssential = isEssential
            self.streamTimeout = streamTimeout
            self.slots = slots
            self.identity = identity
            unsent = UnsentBytes(maximum: limits.maximumUnsentBytes)
        }

        func executor(of eventLoop: any EventLoop) -> EventLoopExecutor {
            executors.withLock { executors in
                if let executor = executors[ObjectIdentifier(eventLoop)] { return executor }
                let executor = EventLoopExecutor(eventLoop)
                executors[ObjectIdentifier(eventLoop)] = executor
                return executor
            }
        }
    }

    private enum Slot {
        case regular
        case surplus
    }

    private enum Part {
        case part(HTTPServerRequestPart)
        case failure(ConnectionError)
    }

    private let shared: Shared
    private let channel: any Channel
    private let executor: EventLoopExecutor
    private let client: AddressBlock
    private var context: ChannelHandlerContext?
    private(set) var state: ConnectionState
    private var slot: Slot?
    private var decoder: HTTPRequestDecoder?
    /// The bytes that have arrived but were not yet passed to the decoder.
    private var received = ByteBuffer()
    /// The bytes that the decoder left unconsumed, such as the start of a header field.
    private var undecoded = ByteBuffer()
    private var parts: Deque<Part> = []
    private var isProcessing = false
    private var hasHeldRead = false
    /// Whether a `TakenConnection` is writing the response, which may take any length of time.
    private var isTaken = false
    private var request: HTTPRequest?
    /// The part of the body that has been decoded; of a streamed body, without the pieces passed to the handler.
    private var body = ByteBuffer()
    /// The receiver of a streamed body's pieces, until it ends.
    private var stream: StreamedBody.Source?
    private var task: Task<Void, Never>?
    /// The number of bytes written since the last check of how many are unsent.
    private var bytesSinceLook = 0
    /// The number of bytes that `shared.unsent` counts for this connection.
    private var countedBytes = 0
    private var timer: NIOScheduledCallback?
    private var timerDeadline = NIODeadline.distantFuture

    /// The number of bytes decoded at once; it bounds how much of pipelined requests is kept in decoded form.
    private static let maximumDecodedBytes = 2_048
    /// The largest body that is copied after the head, so that both leave in one write; a larger one is written
    /// separately.
    private static let maximumCopiedBytes = 16 * 1024
    /// The size of the kernel's send queue, which the kernel doubles.
    ///
    /// Beyond it, bytes wait in this process, where they count as unsent. By default, the queue of a client that does
    /// not read grows to megabytes.
    private static let sendBufferBytes = 128 * 1024
    /// The number of bytes to write before checking how many are unsent.
    private static let bytesBetweenLooks = 16 * 1024

    private init(_ shared: Shared, channel: any Channel) {
        self.shared = shared
        self.channel = channel
        executor = shared.executor(of: channel.eventLoop)
        client = AddressBlock(channel.remoteAddress)
        state = ConnectionState(limits: shared.limits, isEncrypted: shared.identity != nil, at: .now())
    }

    /// Adds a handler and its decoder's output to a channel's pipeline, after TLS if the server has a certificate.
    ///
    /// - Precondition: On the channel's event loop.
    @discardableResult
    static func add(to channel: any Channel, _ shared: Shared) throws -> ConnectionHandler {
        let handler = ConnectionHandler(shared, channel: channel)
        if let identity = shared.identity {
            try channel.pipeline.syncOperations.addHandler(identity.makeHandler())
        }
        try channel.pipeline.syncOperations.addHandler(handler)
        try channel.pipeline.syncOperations.addHandler(DecodedParts { handler.parts.append(.part($0)) })
        return handler
    }

    /// Closes the connection and cancels the request's task.
    func abort() {
        task?.cancel()
        perform(state.abort(isAwaitingResponse: task != nil))
    }
}

// MARK: - Channel events

extension ConnectionHandler {
    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive {
            start(context: context)
        }
    }

    func channelActive(context: ChannelHandlerContext) {
        start(context: context)
        context.fireChannelActive()
    }

    private func start(context: ChannelHandlerContext) {
        guard slot == nil else { return }
        try? channel.syncOptions?.setOption(.socketOption(.so_sndbuf), value: Self.sendBufferBytes)
        let isProxy = shared.limits.trustedProxies.contains(channel.remoteAddress)
        if shared.slots.take(for: client, isProxy: isProxy) {
            slot = .regular
        } else {
            slot = .surplus
            state.markSurplus(at: .now())
            shared.slots.takeSurplus(for: channel, from: client)?.close(promise: nil)
        }
        armTimer()
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end()
    }

    private func end() {
        dropDecoder()
        context = nil
        timer?.cancel()
        timer = nil
        (received, undecoded, body) = (ByteBuffer(), ByteBuffer(), ByteBuffer())
        parts = []
        endStream(.disconnected)
        countUnsent(0)
        switch slot {
        case .regular: shared.slots.giveBack(of: client)
        case .surplus: shared.slots.giveSurplusBack(of: channel)
        case nil: break
        }
        slot = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !state.discardsInput else { return }
        var bytes = unwrapInboundIn(data)
        if received.readableBytes == 0 {
            received = bytes
        } else {
            received.writeBuffer(&bytes)
        }
        if isTaken, received.readableBytes > shared.limits.maximumHeaderBytes + shared.limits.maximumBodyBytes {
            perform(state.abort(isAwaitingResponse: false))
        }
        process()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        armTimer()
        context.fireChannelReadComplete()
    }

    /// Holds the read back until the bytes of the previous one are decoded, so that the rest stays in the kernel.
    ///
    /// During a response that may never end, the handler reads on, so that it notices when the client closes its side.
    /// It buffers at most the length of one request then, and closes the connection if the client sends more.
    func read(context: ChannelHandlerContext) {
        if received.readableBytes > 0, !isTaken {
            hasHeldRead = true
        } else {
            context.read()
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed:
            perform(state.closeInput())
            process()
        case is ChannelShouldQuiesceEvent:
            perform(state.quiesce(unsent: look(), queued: channel.kernelQueueLength, at: .now()))
            armTimer()
        case is TLSUserEvent:
            // The only other event is the end of TLS, after which the channel closes.
            state.finishHandshake(at: .now())
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A client that closes its side without a `close_notify` has only ended its input, as without TLS: HTTP itself
        // says where a request ends.
        if case NIOSSLError.uncleanShutdown = error { return }
        context.close(promise: nil)
    }

    func handleScheduledCallback(eventLoop: some EventLoop) {
        timer = nil
        timerDeadline = .distantFuture
        if let deadline = state.deadline, deadline <= .now() {
            perform(
                state.elapse(
                    to: .now(),
                    unsent: look(),
                    queued: channel.kernelQueueLength,
                    isOverloaded: shared.unsent.isOverLimit
                )
            )
        }
        armTimer()
    }

    /// Reschedules the timer if it would fire too late; a timer that fires too early reschedules itself.
    private func armTimer() {
        guard let deadline = state.deadline, deadline < timerDeadline, let context else { return }
        timer?.cancel()
        // This throws only if the event loop is shut down, and then its channels are closed.
        timer = try? context.eventLoop.assumeIsolated().scheduleCallback(at: deadline, handler: self)
        timerDeadline = deadline
    }
}

// MARK: - Requests

extension ConnectionHandler {
    /// Decodes the received bytes up to the end of the next request.
    private func process() {
        guard !isProcessing else { return }
        isProcessing = true
        while state.wantsInput, let context {
            if let part = parts.popFirst() {
                take(part)
            } else if received.readableBytes > 0 {
                decode(context: context)
            } else {
                break
            }
        }
        isProcessing = false
        if state.isExhausted {
            perform(state.runOut(unsent: look(), queued: channel.kernelQueueLength, at: .now()))
            armTimer()
        }
        if received.readableBytes == 0 {
            releaseRead()
        }
    }

    private func releaseRead() {
        guard hasHeldRead else { return }
        hasHeldRead = false
        context?.read()
    }

    private func discardInput() {
        (received, undecoded) = (ByteBuffer(), ByteBuffer())
        parts = []
        releaseRead()
    }

    private func decode(context: ChannelHandlerContext) {
        let decoder = decoder ?? makeDecoder(context: context)
        var slice = received.readSlice(length: min(received.readableBytes, Self.maximumDecodedBytes)) ?? ByteBuffer()
        if received.readableBytes == 0 {
            received = ByteBuffer()
        }
        if undecoded.readableBytes > 0 {
            undecoded.writeBuffer(&slice)
            swap(&slice, &undecoded)
        }
        do {
            _ = try decoder.decode(context: context, buffer: &slice)
        } catch {
            parts.append(.failure(ConnectionError(error)))
        }
        undecoded = slice.readableBytes > 0 ? slice : ByteBuffer()
    }

    private func makeDecoder(context: ChannelHandlerContext) -> HTTPRequestDecoder {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = shared.limits.maximumHeaderBytes
        limits.maxHeaderListSize = shared.limits.maximumHeaderBytes
        limits.maxHeaderFieldCount = 200
        let decoder = HTTPRequestDecoder(
            leftOverBytesStrategy: .dropBytes,
            informationalResponseStrategy: .drop,
            limitConfiguration: limits
        )
        decoder.decoderAdded(context: context)
        self.decoder = decoder
        return decoder
    }

    private func dropDecoder() {
        guard let decoder, let context else { return }
        // The decoder retains itself until it is removed.
        decoder.decoderRemoved(context: context)
        self.decoder = nil
    }

    private func take(_ part: Part) {
        switch part {
        case .part(.head(let head)): take(head)
        case .part(.body(var bytes)):
            if stream != nil {
                // A copy, since a slice keeps all bytes of its read in memory.
                body.writeBuffer(&bytes)
                if parts.isEmpty { passBody() }
            } else if let error = state.receiveBody(bytes.readableBytes) {
                refuse(error)
            } else if body.readableBytes == 0 {
                body = bytes
            } else {
                body.writeBuffer(&bytes)
            }
        case .part(.end):
            if stream != nil {
                passBody()
                endStream(nil)
                state.receiveEnd()
            } else {
                state.receiveEnd()
                start(RequestBody(buffer: body))
                body = ByteBuffer()
            }
        case .failure(let error):
            if stream != nil {
                passBody()
                perform(state.cutBodyOff(.malformed))
            } else {
                state.fail()
                refuse(error)
            }
        }
    }

    private func take(_ head: HTTPRequestHead) {
        request = try? HTTPRequest(head, isEncrypted: shared.identity != nil)
        let action = state.receive(
            head,
            isEssential: shared.isEssential(head.uri),
            isOverloaded: shared.unsent.isOverLimit(for: client),
            streamTimeout: request.flatMap { shared.streamTimeout?($0, channel.remoteAddress) },
            at: .now()
        )
        if request == nil {
            state.fail()
            return refuse(.malformed)
        }
        if state.isHTTP10 {
            request?.headerFields[.upgrade] = nil
            if request?.authority == nil {
                // Usually a load balancer's health check: use the address it connected to as the host.
                request?.authority = channel.localAddress?.authority
            }
        }
        switch action {
        case .proceed: break
        case .proceedAndContinue: perform(.sendContinue)
        case .stream: startStreaming()
        case .refuse(let error): refuse(error)
        }
    }

    private func start(_ body: RequestBody) {
        guard let head = request else { return }
        markSurplus(isAnswered: true)
        let request = Request(head: head, body: body)
        let handler = NIOLoopBound(self, eventLoop: channel.eventLoop)
        task = Task(executorPreference: executor) { [respond = shared.respond, channel] in
            let response = await respond(request, channel)
            let writer = ConnectionWriter()
            do {
                try await response.body.write(writer)
                let (body, user) = (writer.body, writer.user)
                channel.eventLoop.execute { handler.value.finish(response.head, body, user) }
            } catch {
                channel.eventLoop.execute { handler.value.context?.close(promise: nil) }
            }
        }
    }
}

// MARK: - Streamed bodies

extension ConnectionHandler {
    private func startStreaming() {
        let handler = NIOLoopBound(self, eventLoop: channel.eventLoop)
        let body = StreamedBody.make { [eventLoop = channel.eventLoop] in
            eventLoop.execute { handler.value.wantBody() }
        }
        stream = body.source
        start(RequestBody(asyncSequence: body.sequence))
    }

    private func wantBody() {
        perform(state.wantBody(at: .now()))
        process()
        armTimer()
    }

    /// Passes on what has been decoded of a streamed body.
    private func passBody() {
        guard let stream, body.readableBytes > 0 else { return }
        let result = stream.yield(body)
        body = ByteBuffer()
        state.passBody(wantsMore: result == .produceMore, at: .now())
    }

    /// - Parameter error: The reason why the body is incomplete; nil if it is complete.
    private func endStream(_ error: StreamedBodyError?) {
        guard let stream else { return }
        self.stream = nil
        if let error {
            stream.finish(error)
        } else {
            stream.finish()
        }
    }
}

// MARK: - Responses

extension ConnectionHandler {
    private func refuse(_ error: ConnectionError) {
        body = ByteBuffer()
        parts = []
        let (head, body) = shared.respondToError(error, request, channel)
        finish(head, body, nil)
    }

    private func finish(
        _ head: HTTPResponse,
        _ body: ByteBuffer,
        _ user: (@Sendable (TakenConnection) -> Void)?
    ) {
        task = nil
        // The client has disconnected.
        guard let context else { return }
        markSurplus(isAnswered: false)
        perform(state.respond(status: head.status.code, isLast: head.isSaidToBeLast))
        if let user { return handOver(to: user, after: head, context: context) }
        let isHead = request?.method == .head
        let hasBody = !isHead && body.readableBytes > 0 && head.status.mayHaveContent
        let isCopied = hasBody && body.readableBytes <= Self.maximumCopiedBytes
        var buffer = channel.allocator.buffer(capacity: 512 + (isCopied ? body.readableBytes : 0))
        buffer.writeHead(head, date: shared.date.text, isChunked: false, isLast: state.isLast)
        bytesSinceLook += buffer.readableBytes + (hasBody ? body.readableBytes : 0)
        if isCopied {
            buffer.writeImmutableBuffer(body)
        }
        context.write(wrapOutboundOut(buffer), promise: nil)
        if hasBody, !isCopied {
            context.write(wrapOutboundOut(body), promise: nil)
        }
        context.flush()
        finishResponse(looking: bytesSinceLook > Self.bytesBetweenLooks)
    }

    private func finishResponse(looking isToLook: Bool) {
        request = nil
        let isDue = isToLook || state.isLast || state.isInputClosed
        perform(state.finishResponse(unsent: isDue ? look() : 0, queued: queuedIfClosing, at: .now()))
        process()
        armTimer()
    }

    /// The bytes in the kernel's send queue; 0, without asking the kernel, if the connection stays open.
    private var queuedIfClosing: Int {
        state.isClosing ? channel.kernelQueueLength : 0
    }

    /// Checks how many written bytes are unsent, and counts them in `shared.unsent`.
    private func look() -> Int {
        guard context != nil else { return 0 }
        let unsent = (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        countUnsent(unsent)
        bytesSinceLook = unsent
        return unsent
    }

    private func markSurplus(isAnswered: Bool) {
        guard slot == .surplus else { return }
        shared.slots.markSurplus(channel, isAnswered: isAnswered)
    }

    private func countUnsent(_ bytes: Int) {
        guard bytes != countedBytes else { return }
        shared.unsent.add(bytes - countedBytes, of: client)
        countedBytes = bytes
    }

    private func perform(_ action: ConnectionState.Action?) {
        guard let action, let context else { return }
        switch action {
        case .proceed: break
        case .sendContinue:
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
        case .endBody(let error):
            endStream(error)
            discardInput()
        case .awaitSent: awaitSent(context: context)
        case .shutDownOutput:
            context.close(mode: .output, promise: nil)
            discardInput()
            armTimer()
        case .close:
            context.close(promise: nil)
        case .abort:
            // Also discard the bytes in the kernel's send queue, which the client does not read.
            (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in }
            context.close(promise: nil)
        case .refuse(let error): refuse(error)
        }
    }

    private func awaitSent(context: ChannelHandlerContext) {
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenSuccess { [self] in
            _ = look()
            perform(state.sent(queued: queuedIfClosing, at: .now()))
            process()
            armTimer()
        }
        // An empty write completes once everything before it has been sent.
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: promise)
        armTimer()
    }

    private func handOver(
        to user: (TakenConnection) -> Void,
        after head: HTTPResponse,
        context: ChannelHandlerContext
    ) {
        let isUpgraded = state.phase == .upgraded
        let isChunked = !isUpgraded && !state.isHTTP10
        var buffer = channel.allocator.buffer(capacity: 512)
        buffer.writeHead(head, date: shared.date.text, isChunked: isChunked, isLast: state.isLast)
        context.write(wrapOutboundOut(buffer), promise: nil)
        var rest = ByteBuffer()
        if isUpgraded {
            rest = undecoded
            rest.writeBuffer(&received)
            (undecoded, received) = (ByteBuffer(), ByteBuffer())
        }
        if isUpgraded || undecoded.readableBytes == 0 {
            // A taken connection may stay open for a long time: free the decoder's memory.
            dropDecoder()
        }
        isTaken = !isUpgraded
        if isTaken {
            releaseRead()
        }
        let taken = TakenConnection(
            channel: channel,
            isInputClosed: state.isInputClosed,
            isQuiescing: state.isQuiescing,
            isChunked: isChunked,
            received: rest,
            end: { [weak self] in self?.takeBack(isChunked: isChunked) }
        )
        user(taken)
        context.flush()
    }

    private func takeBack(isChunked: Bool) {
        guard isTaken, let context else { return }
        isTaken = false
        if isChunked {
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "0\r\n\r\n")), promise: nil)
        }
        finishResponse(looking: true)
    }
}

extension HTTPResponse {
    /// Whether the response itself asks to close the connection after it.
    fileprivate var isSaidToBeLast: Bool {
        headerFields[values: .connection].contains { list in
            list.split(separator: ",").contains { $0.filter { $0 != " " }.lowercased() == "close" }
        }
    }
}

extension SocketAddress {
    fileprivate var authority: String? {
        guard let ipAddress, let port else { return nil }
        return `protocol` == .inet6 ? "[\(ipAddress)]:\(port)" : "\(ipAddress):\(port)"
    }
}

extension ConnectionError {
    /// - Parameter error: An error thrown by the decoder.
    fileprivate init(_ error: any Error) {
        switch error {
        case HTTPParserError.headerOverflow: self = .headersTooLarge
        case HTTPParserError.invalidMethod: self = .unknownMethod
        default: self = .malformed
        }
    }
}
