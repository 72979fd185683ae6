import DequeModule
import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import Synchronization

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// One HTTP/1.1 connection: bytes in, requests to tasks, responses out.
///
/// It stands at the front of the pipeline, does what `ConnectionState` decides, and is confined to the channel's event
/// loop.
final class ConnectionHandler: ChannelDuplexHandler, NIOScheduledCallbackHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What all connections of a server have in common.
    final class Shared: Sendable {
        let limits: HTTPLimits
        let respond: RequestChannel.Respond
        let respondToError: RequestChannel.RespondToError
        let isEssential: @Sendable (String) -> Bool
        let slots: ConnectionSlots
        let unsent: UnsentBytes
        let date = ResponseDate()
        private let executors = Mutex<[ObjectIdentifier: EventLoopExecutor]>([:])

        init(
            limits: HTTPLimits,
            respond: @escaping RequestChannel.Respond,
            respondToError: @escaping RequestChannel.RespondToError,
            isEssential: @escaping @Sendable (String) -> Bool
        ) {
            self.limits = limits
            self.respond = respond
            self.respondToError = respondToError
            self.isEssential = isEssential
            slots = ConnectionSlots(limits: limits)
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
        case regular(AddressBlock)
        case surplus
    }

    private enum Part {
        case part(HTTPServerRequestPart)
        case failure(ConnectionError)
    }

    private let shared: Shared
    private let channel: any Channel
    private let executor: EventLoopExecutor
    private var context: ChannelHandlerContext?
    private(set) var state: ConnectionState
    private var slot: Slot?
    private var decoder: HTTPRequestDecoder?
    /// What has arrived and was not given to the decoder.
    private var received = ByteBuffer()
    /// What the decoder was given and needs to see again: the beginning of a field.
    private var undecoded = ByteBuffer()
    private var parts: Deque<Part> = []
    private var isProcessing = false
    private var hasHeldRead = false
    /// Whether somebody else writes the response, for as long as they like.
    private var isTaken = false
    private var request: HTTPRequest?
    private var body = ByteBuffer()
    private var task: Task<Void, Never>?
    /// How many bytes were written since it was last asked whether they are sent.
    private var bytesSinceLook = 0
    /// How many bytes `shared.unsent` counts for this connection.
    private var countedBytes = 0
    private var timer: NIOScheduledCallback?
    private var timerDeadline = NIODeadline.distantFuture

    /// How much is decoded at once: what was decoded of requests behind the one that is being answered is kept.
    private static let maximumDecodedBytes = 2_048
    /// A larger body is written as it is, a smaller one is copied behind the head.
    private static let maximumCopiedBytes = 16 * 1024
    /// How many bytes may be written before it is asked whether they are sent.
    private static let bytesBetweenLooks = 16 * 1024

    private init(_ shared: Shared, channel: any Channel) {
        self.shared = shared
        self.channel = channel
        executor = shared.executor(of: channel.eventLoop)
        state = ConnectionState(limits: shared.limits, at: .now())
    }

    /// - Precondition: On the channel's event loop.
    @discardableResult
    static func add(to channel: any Channel, _ shared: Shared) throws -> ConnectionHandler {
        let handler = ConnectionHandler(shared, channel: channel)
        try channel.pipeline.syncOperations.addHandler(handler)
        try channel.pipeline.syncOperations.addHandler(DecodedParts { handler.parts.append(.part($0)) })
        return handler
    }

    /// Ends the connection, and cancels what it waits for.
    func abort() {
        task?.cancel()
        perform(state.abort(isAwaitingResponse: task != nil))
    }
}

// MARK: - What the channel says

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
        let address = AddressBlock(channel.remoteAddress)
        if shared.slots.take(for: address) {
            slot = .regular(address)
        } else {
            slot = .surplus
            state.markSurplus(at: .now())
            shared.slots.takeSurplus(for: channel)?.close(promise: nil)
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
        countUnsent(0)
        switch slot {
        case .regular(let address): shared.slots.giveBack(of: address)
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

    /// What is not looked at stays in the kernel, but for what one read has brought.
    ///
    /// Behind a response that may never end, the end of what the client sends must be noticed: up to the length of one
    /// request is kept, and whoever sends more is cut off.
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
            perform(state.quiesce(unsent: look(), at: .now()))
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func handleScheduledCallback(eventLoop: some EventLoop) {
        timer = nil
        timerDeadline = .distantFuture
        if let deadline = state.deadline, deadline <= .now() {
            let unsent = look()
            perform(
                state.elapse(
                    to: .now(),
                    unsent: unsent > 0 ? unsent + channel.kernelQueueLength : 0,
                    isOverloaded: shared.unsent.isOverLimit
                )
            )
        }
        armTimer()
    }

    /// Sets the timer if it would come too late; one that comes too early is set again then.
    private func armTimer() {
        guard let deadline = state.deadline, deadline < timerDeadline, let context else { return }
        timer?.cancel()
        // An event loop that is shut down has closed its channels.
        timer = try? context.eventLoop.assumeIsolated().scheduleCallback(at: deadline, handler: self)
        timerDeadline = deadline
    }
}

// MARK: - Requests

extension ConnectionHandler {
    /// Looks at what has arrived, until a request is to be answered.
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
            perform(state.runOut(unsent: look(), at: .now()))
        }
        if hasHeldRead, received.readableBytes == 0 {
            hasHeldRead = false
            context?.read()
        }
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
        // It holds itself until then.
        decoder.decoderRemoved(context: context)
        self.decoder = nil
    }

    private func take(_ part: Part) {
        switch part {
        case .part(.head(let head)): take(head)
        case .part(.body(var bytes)):
            if let error = state.receiveBody(bytes.readableBytes) {
                refuse(error)
            } else if body.readableBytes == 0 {
                body = bytes
            } else {
                body.writeBuffer(&bytes)
            }
        case .part(.end):
            state.receiveEnd()
            start()
        case .failure(let error):
            state.fail()
            refuse(error)
        }
    }

    private func take(_ head: HTTPRequestHead) {
        request = nil
        let isOverloaded = shared.unsent.isOverLimit
        let action = state.receive(
            head,
            isEssential: shared.isEssential(head.uri),
            isOverloaded: isOverloaded,
            at: .now()
        )
        do {
            request = try HTTPRequest(head)
        } catch {
            state.fail()
            return refuse(.malformed)
        }
        if state.isHTTP10 {
            request?.headerFields[.upgrade] = nil
            if request?.authority == nil {
                // A load balancer's health check, usually: the host is the one that it has connected to.
                request?.authority = channel.localAddress?.authority
            }
        }
        switch action {
        case .proceed: break
        case .proceedAndContinue:
            context?.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
        case .refuse(let error): refuse(error)
        }
    }

    private func start() {
        guard let head = request else { return }
        if case .surplus = slot {
            shared.slots.keepSurplus(of: channel)
        }
        let request = Request(head: head, body: RequestBody(buffer: body))
        body = ByteBuffer()
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
        // The client has gone: nobody learns of the response.
        guard let context else { return }
        state.respond(status: head.status.code, isLast: head.isSaidToBeLast)
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
        perform(state.finishResponse(unsent: isDue ? look() : 0, at: .now()))
        process()
        armTimer()
    }

    /// Asks how many bytes are not sent.
    private func look() -> Int {
        guard context != nil else { return 0 }
        let unsent = (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        countUnsent(unsent)
        bytesSinceLook = unsent
        return unsent
    }

    private func countUnsent(_ bytes: Int) {
        guard bytes != countedBytes else { return }
        shared.unsent.add(bytes - countedBytes)
        countedBytes = bytes
    }

    private func perform(_ action: ConnectionState.Action?) {
        guard let action, let context else { return }
        switch action {
        case .proceed: break
        case .awaitSent: awaitSent(context: context)
        case .shutDownOutput:
            context.close(mode: .output, promise: nil)
            (received, undecoded) = (ByteBuffer(), ByteBuffer())
            if hasHeldRead {
                hasHeldRead = false
                context.read()
            }
            armTimer()
        case .close:
            context.close(promise: nil)
        case .abort:
            // The kernel has bytes, too, that nobody reads.
            (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in }
            context.close(promise: nil)
        case .refuse(let error): refuse(error)
        }
    }

    private func awaitSent(context: ChannelHandlerContext) {
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenSuccess { [self] in
            _ = look()
            perform(state.sent(at: .now()))
            process()
            armTimer()
        }
        // It is sent when all before it is.
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
            // What is taken is held for long.
            dropDecoder()
        }
        isTaken = !isUpgraded
        if isTaken, hasHeldRead {
            hasHeldRead = false
            context.read()
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
    /// Whether it asks for the connection to be closed behind it.
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
    /// - Parameter error: What the decoder has thrown.
    fileprivate init(_ error: any Error) {
        switch error {
        case HTTPParserError.headerOverflow: self = .headersTooLarge
        case HTTPParserError.invalidMethod: self = .unknownMethod
        default: self = .malformed
        }
    }
}
