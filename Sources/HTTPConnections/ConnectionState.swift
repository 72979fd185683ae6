package import NIOCore
package import NIOHTTP1

/// The server side of an HTTP/1.1 connection (RFC 9112) as a state machine without I/O, one request at a time.
///
/// It processes a pipelined request only after the previous response has been sent. So each request has its own
/// deadline, and neither its errors nor its `100 Continue` can overtake an earlier response.
package struct ConnectionState {
    /// The part of the exchange that the connection is in.
    package enum Phase: Equatable {
        /// Waiting for a request or for the rest of its head.
        case waiting
        /// The head has arrived; waiting for the rest of the body.
        case receiving
        /// The request is being served while its body arrives.
        case streaming
        /// The request is being served, and no more of it is expected.
        case responding
        /// The response has been written; waiting for the peer to receive it.
        case sending
        /// The last response has been sent; further input is discarded.
        case lingering
        /// Another protocol has taken over the connection.
        case upgraded
        case closed
    }

    private let limits: HTTPLimits
    package private(set) var phase = Phase.waiting
    /// When to call `elapse`; nil while the client has nothing to do but wait.
    package private(set) var deadline: NIODeadline?
    /// Whether the peer has closed its side of the connection.
    package private(set) var isInputClosed = false
    /// Whether the server is shutting down.
    package private(set) var isQuiescing = false
    /// Whether the connection closes after the response.
    package private(set) var isLast = false
    /// Whether the request is HTTP/1.0, whose responses cannot be chunked.
    package private(set) var isHTTP10 = false
    private var isAborted = false
    /// When to close a surplus connection; nil for a regular one.
    private var surplusDeadline: NIODeadline?
    private var bodyBytes = 0
    private var mayUpgrade = false
    /// How long the client may send nothing of a streamed body.
    private var streamTimeout = TimeAmount.zero
    /// Whether the handler takes more of a streamed body.
    private var wantsBody = false
    /// Whether the client waits for `100 Continue` before it sends a streamed body.
    private var awaitsContinue = false
    /// Whether a streamed body ended before all of it had arrived.
    private var isBodyCutOff = false
    /// Whether the connection closes once the kernel's send queue is short enough.
    private var isDraining = false
    /// The number of bytes the peer had not received when it was last seen to read, and the time of that.
    private var progress = (unreceived: 0, at: NIODeadline.uptimeNanoseconds(0))

    /// How many bytes the kernel may still have to send when the connection closes.
    ///
    /// The kernel keeps a closed connection's queue for minutes if the peer does not read. So few bytes fit into the
    /// peer's receive buffer even if it does not.
    private static let maximumQueuedBytesAtClose = 16 * 1024

    /// The state of a new connection, which waits for its first request.
    ///
    /// - Parameter isEncrypted: Whether the TLS handshake comes first.
    package init(limits: HTTPLimits, isEncrypted: Bool = false, at now: NIODeadline) {
        self.limits = limits
        deadline = now + TimeAmount(isEncrypted ? limits.handshakeTimeout : limits.idleTimeout)
    }

    /// Records the end of the TLS handshake.
    package mutating func finishHandshake(at now: NIODeadline) {
        guard phase == .waiting else { return }
        deadline = surplusDeadline ?? now + TimeAmount(limits.idleTimeout)
    }

    /// Restricts a connection over the limits to one essential request and a short time.
    package mutating func markSurplus(at now: NIODeadline) {
        surplusDeadline = now + TimeAmount(limits.surplusTimeout)
        deadline = surplusDeadline
    }

    /// Whether to decode more of a request.
    package var wantsInput: Bool {
        phase == .waiting || phase == .receiving || (phase == .streaming && wantsBody)
    }

    /// Whether to discard bytes that arrive.
    package var discardsInput: Bool {
        phase == .lingering || phase == .closed || isBodyCutOff
    }

    /// A reaction to a request's head.
    package enum HeadAction: Equatable {
        case proceed
        /// Send `100 Continue`, for which the client waits before it sends the body.
        case proceedAndContinue
        /// Serve the request now; its body is read once the handler wants it.
        case stream
        case refuse(ConnectionError)
    }

    /// Starts a request with its head.
    ///
    /// - Parameters:
    ///   - isEssential: Whether to serve the request even if the server is overloaded.
    ///   - isOverloaded: Whether too many bytes are waiting to be sent, on all connections together.
    ///   - streamTimeout: How long the client may send nothing of the body if the body streams; evaluated only for a
    ///     request with a body.
    package mutating func receive(
        _ head: HTTPRequestHead,
        isEssential: Bool,
        isOverloaded: Bool,
        streamTimeout: @autoclosure () -> Duration?,
        at now: NIODeadline
    ) -> HeadAction {
        phase = .receiving
        bodyBytes = 0
        isHTTP10 = head.version == .http1_0
        // HTTP/1.0 has no upgrades (RFC 9110, section 7.8). After any other request with `Upgrade`, the decoder stops.
        mayUpgrade = !isHTTP10 && head.headers.contains(name: "Upgrade")
        isLast =
            isHTTP10 || mayUpgrade || head.method == .CONNECT || surplusDeadline != nil
            || head.headers.hasToken("close", in: "Connection")
        deadline = surplusDeadline ?? now + TimeAmount(limits.bodyTimeout)
        if !isEssential {
            if surplusDeadline != nil { return refuse(.tooManyConnections) }
            if isOverloaded { return refuse(.tooManyUnsentBytes) }
        }
        let encodings = head.headers[canonicalForm: "Transfer-Encoding"]
        let isEncoded = head.headers.contains(name: "Transfer-Encoding")
        if isEncoded, encodings.map({ $0.lowercased() }) != ["chunked"] { return refuse(.unknownTransferEncoding) }
        let length = head.headers[canonicalForm: "Content-Length"].first.map { Int($0) ?? .max } ?? 0
        let hasBody = length > 0 || isEncoded
        let awaitsContinue = hasBody && !isHTTP10 && head.headers.hasToken("100-continue", in: "Expect")
        if hasBody, surplusDeadline == nil, let timeout = streamTimeout() {
            startStreaming(timeout: TimeAmount(timeout), awaitsContinue: awaitsContinue)
            return .stream
        }
        if length > limits.maximumBodyBytes { return refuse(.bodyTooLarge(limit: limits.maximumBodyBytes)) }
        return awaitsContinue ? .proceedAndContinue : .proceed
    }

    private mutating func startStreaming(timeout: TimeAmount, awaitsContinue: Bool) {
        phase = .streaming
        deadline = nil
        streamTimeout = timeout
        wantsBody = false
        self.awaitsContinue = awaitsContinue
        // A body that is still arriving cannot give way to another protocol.
        mayUpgrade = false
    }

    private mutating func refuse(_ error: ConnectionError) -> HeadAction {
        fail()
        return .refuse(error)
    }

    /// Ends the request: the caller responds with an error, and then the connection closes.
    package mutating func fail() {
        isLast = true
        mayUpgrade = false
        startResponding()
    }

    /// Counts a part of a request's body.
    ///
    /// - Returns: The error with which to respond if the body is too large.
    package mutating func receiveBody(_ count: Int) -> ConnectionError? {
        bodyBytes += count
        guard bodyBytes > limits.maximumBodyBytes else { return nil }
        fail()
        return .bodyTooLarge(limit: limits.maximumBodyBytes)
    }

    /// Marks the end of a request, which can now be served.
    package mutating func receiveEnd() {
        startResponding()
    }

    /// Records that the handler wants more of a streamed body; from now on, the client may be late.
    package mutating func wantBody(at now: NIODeadline) -> Action? {
        guard phase == .streaming else { return nil }
        wantsBody = true
        deadline = now + streamTimeout
        defer { awaitsContinue = false }
        return awaitsContinue ? .sendContinue : nil
    }

    /// Records that a piece of a streamed body was passed to the handler.
    ///
    /// - Parameter wantsMore: Whether the handler has room for another; if not, await `wantBody`.
    package mutating func passBody(wantsMore: Bool, at now: NIODeadline) {
        wantsBody = wantsMore
        deadline = wantsMore ? now + streamTimeout : nil
    }

    /// Ends a streamed body that will not arrive completely.
    package mutating func cutBodyOff(_ error: StreamedBodyError) -> Action {
        fail()
        isBodyCutOff = true
        return .endBody(error)
    }

    private mutating func startResponding() {
        phase = .responding
        deadline = nil
    }

    /// Decides from the head of a response whether the connection stays open.
    ///
    /// It does not if the handler has responded before all of a streamed body has arrived.
    ///
    /// - Parameter isLast: Whether the response itself asks to close the connection.
    package mutating func respond(status: Int, isLast isSaidToBeLast: Bool) -> Action? {
        if phase == .streaming { return cutBodyOff(.responded) }
        if status == 101, mayUpgrade {
            phase = .upgraded
            isLast = false
        } else if isSaidToBeLast || isQuiescing {
            isLast = true
        }
        return nil
    }

    /// A step for the connection to carry out.
    package enum Action: Equatable {
        /// Process the next request.
        case proceed
        case sendContinue
        /// End a streamed body with an error and discard the rest of it.
        case endBody(StreamedBodyError)
        /// Call `sent` once everything written has been sent.
        case awaitSent
        /// Close the server's side and discard further input.
        case shutDownOutput
        case close
        /// Reset the connection, which discards unsent bytes.
        case abort
        case refuse(ConnectionError)
    }

    /// Records that a response has been written.
    ///
    /// - Parameters:
    ///   - unsent: The number of bytes not yet passed to the kernel.
    ///   - queued: The number of bytes in the kernel's send queue; it counts only if `isClosing`.
    package mutating func finishResponse(unsent: Int, queued: Int, at now: NIODeadline) -> Action? {
        if unsent > 0, !isAborted { return awaitSent(unsent, at: now) }
        return sent(queued: queued, at: now)
    }

    /// Whether the connection closes once everything written has been sent.
    package var isClosing: Bool {
        isLast || isQuiescing
    }

    private mutating func awaitSent(_ unreceived: Int, at now: NIODeadline) -> Action {
        phase = .sending
        progress = (unreceived, now)
        deadline = now + checkInterval
        return .awaitSent
    }

    /// The time between checks of whether a peer reads.
    private var checkInterval: TimeAmount {
        TimeAmount(min(limits.idleTimeout, limits.stallTimeout) / 4)
    }

    /// Records that everything written has been passed to the kernel.
    ///
    /// - Parameter queued: The number of bytes in the kernel's send queue; it counts only if `isClosing`.
    package mutating func sent(queued: Int, at now: NIODeadline) -> Action? {
        if isClosing, queued > Self.maximumQueuedBytesAtClose, !isAborted {
            drain(queued, at: now)
            return nil
        }
        isDraining = false
        if isAborted || (isLast && isInputClosed) {
            phase = .closed
            return .close
        }
        if isClosing {
            phase = .lingering
            deadline = now + TimeAmount(limits.lingering)
            return .shutDownOutput
        }
        phase = .waiting
        deadline = now + TimeAmount(limits.idleTimeout)
        return .proceed
    }

    private mutating func drain(_ queued: Int, at now: NIODeadline) {
        phase = .sending
        isDraining = true
        progress = (queued, now)
        deadline = now + drainInterval
    }

    /// The time between checks of whether the kernel's send queue is short enough to close the connection.
    private var drainInterval: TimeAmount {
        TimeAmount(limits.lingering / 20)
    }

    /// Whether the peer has closed its side and no complete request is left.
    package var isExhausted: Bool {
        isInputClosed && wantsInput
    }

    /// Ends an exhausted connection, after the response if a request is being served.
    package mutating func runOut(unsent: Int, queued: Int, at now: NIODeadline) -> Action? {
        if phase == .streaming { return cutBodyOff(.disconnected) }
        isLast = true
        return finishResponse(unsent: unsent, queued: queued, at: now)
    }

    /// Records that the peer has closed its side.
    package mutating func closeInput() -> Action? {
        isInputClosed = true
        guard phase == .lingering else { return nil }
        phase = .closed
        return .close
    }

    /// Ends the connection after the current request, because the server is shutting down.
    package mutating func quiesce(unsent: Int, queued: Int, at now: NIODeadline) -> Action? {
        isQuiescing = true
        if phase == .streaming { return cutBodyOff(.shuttingDown) }
        guard phase == .waiting else { return nil }
        return finishResponse(unsent: unsent, queued: queued, at: now)
    }

    /// Ends the connection now, or after the response of a request that is being served.
    package mutating func abort(isAwaitingResponse: Bool) -> Action? {
        isAborted = true
        isQuiescing = true
        if phase == .streaming { return cutBodyOff(.shuttingDown) }
        guard !(phase == .responding && isAwaitingResponse) else { return nil }
        phase = .closed
        return .abort
    }

    /// Decides what to do if the deadline has passed.
    ///
    /// - Parameters:
    ///   - unsent: The number of bytes not yet passed to the kernel.
    ///   - queued: The number of bytes in the kernel's send queue.
    ///   - isOverloaded: Whether too many bytes are waiting to be sent, on all connections together.
    package mutating func elapse(to now: NIODeadline, unsent: Int, queued: Int, isOverloaded: Bool) -> Action? {
        guard let deadline, now >= deadline else { return nil }
        let isLong = queued > Self.maximumQueuedBytesAtClose
        switch phase {
        case .waiting where unsent > 0 && surplusDeadline == nil:
            // Unsent bytes are not checked after every small response, so check them now.
            return awaitSent(unsent + queued, at: now)
        case .waiting where isLong && surplusDeadline == nil:
            isLast = true
            drain(queued, at: now)
            return nil
        case .waiting, .lingering:
            phase = .closed
            return isLong ? .abort : .close
        case .receiving where surplusDeadline == nil:
            fail()
            return .refuse(.bodyTimedOut)
        case .receiving:
            phase = .closed
            return .close
        case .streaming:
            return cutBodyOff(.timedOut)
        case .sending:
            if isDraining, !isLong { return sent(queued: queued, at: now) }
            if unsent + queued != progress.unreceived {
                progress = (unsent + queued, now)
            }
            let timeout = isOverloaded ? min(limits.idleTimeout, limits.stallTimeout) : limits.idleTimeout
            if now - progress.at >= TimeAmount(timeout) {
                phase = .closed
                return .abort
            }
            self.deadline = min(now + (isDraining ? drainInterval : checkInterval), progress.at + TimeAmount(timeout))
            return nil
        case .responding, .upgraded, .closed:
            return nil
        }
    }
}

extension HTTPHeaders {
    /// Whether a list field contains this token, ignoring case.
    fileprivate func hasToken(_ token: String, in name: String) -> Bool {
        contains(name: name) && self[canonicalForm: name].contains { $0.lowercased() == token }
    }
}
