package import NIOCore
package import NIOHTTP1

/// What a connection decides, without its I/O: the server's side of HTTP/1.1 (RFC 9112), one request after the other.
///
/// Nothing behind a request is looked at before its response is sent. A pipelined request therefore has its own deadline,
/// and neither its errors nor its `100 Continue` can overtake an earlier response.
package struct ConnectionState {
    package enum Phase: Equatable {
        /// A request, or the rest of its head, is to come.
        case waiting
        /// The head is here, and the rest of the body is to come.
        case receiving
        case responding
        /// The response is written, and the peer is yet to read it.
        case sending
        /// The last response is sent; what still arrives is thrown away.
        case lingering
        /// Another protocol has the connection.
        case upgraded
        case closed
    }

    private let limits: HTTPLimits
    package private(set) var phase = Phase.waiting
    /// When something is to be done if nothing happens before; nil while a request is being answered.
    package private(set) var deadline: NIODeadline?
    /// Whether the peer has said that it will send no more.
    package private(set) var isInputClosed = false
    /// Whether the server is shutting down.
    package private(set) var isQuiescing = false
    /// Whether the client is told to close the connection after the response.
    package private(set) var isLast = false
    /// Whether the request is one of HTTP/1.0, whose responses have no chunks.
    package private(set) var isHTTP10 = false
    private var isAborted = false
    /// When a connection over the limits is closed; nil for any other.
    private var surplusDeadline: NIODeadline?
    private var bodyBytes = 0
    private var mayUpgrade = false
    /// How many bytes there were to be sent when the peer was last seen to read, and when that was.
    private var progress = (unsent: 0, at: NIODeadline.uptimeNanoseconds(0))

    package init(limits: HTTPLimits, at now: NIODeadline) {
        self.limits = limits
        deadline = now + TimeAmount(limits.idleTimeout)
    }

    /// Leaves the connection, which is over the limits, only to what is essential, and not for long.
    package mutating func markSurplus(at now: NIODeadline) {
        surplusDeadline = now + TimeAmount(limits.surplusTimeout)
        deadline = surplusDeadline
    }

    /// Whether the next part of a request is wanted.
    package var wantsInput: Bool {
        phase == .waiting || phase == .receiving
    }

    package var discardsInput: Bool {
        phase == .lingering || phase == .closed
    }

    package enum HeadAction: Equatable {
        case proceed
        /// Tell the client, which waits for that, to send the body.
        case proceedAndContinue
        case refuse(ConnectionError)
    }

    /// Takes a request's head.
    ///
    /// - Parameters:
    ///   - isEssential: Whether the request is served even by a server that is overloaded.
    ///   - isOverloaded: Whether too many bytes wait to be sent to other clients.
    package mutating func receive(
        _ head: HTTPRequestHead,
        isEssential: Bool,
        isOverloaded: Bool,
        at now: NIODeadline
    ) -> HeadAction {
        phase = .receiving
        bodyBytes = 0
        isHTTP10 = head.version == .http1_0
        // HTTP/1.0 has no upgrades (RFC 9110, section 7.8). Behind any other request that asks for one, the decoder reads
        // no further.
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
        if !encodings.isEmpty, encodings.map({ $0.lowercased() }) != ["chunked"] {
            return refuse(.unknownTransferEncoding)
        }
        let length = head.headers.first(name: "Content-Length").map { Int($0) ?? .max } ?? 0
        if length > limits.maximumBodyBytes { return refuse(.bodyTooLarge(limit: limits.maximumBodyBytes)) }
        let hasBody = length > 0 || !encodings.isEmpty
        guard hasBody, !isHTTP10, head.headers.hasToken("100-continue", in: "Expect") else { return .proceed }
        return .proceedAndContinue
    }

    private mutating func refuse(_ error: ConnectionError) -> HeadAction {
        fail()
        return .refuse(error)
    }

    /// Leaves the request to be answered with an error, and the connection to be closed.
    package mutating func fail() {
        isLast = true
        mayUpgrade = false
        startResponding()
    }

    /// Takes a part of a request's body.
    ///
    /// - Returns: The error to answer the request with.
    package mutating func receiveBody(_ count: Int) -> ConnectionError? {
        bodyBytes += count
        guard bodyBytes > limits.maximumBodyBytes else { return nil }
        fail()
        return .bodyTooLarge(limit: limits.maximumBodyBytes)
    }

    /// Takes the end of a request, which is to be answered now.
    package mutating func receiveEnd() {
        startResponding()
    }

    private mutating func startResponding() {
        phase = .responding
        deadline = nil
    }

    /// Learns from the head of a response whether the connection goes on.
    ///
    /// - Parameter isLast: Whether the response itself asks for the connection to be closed.
    package mutating func respond(status: Int, isLast isSaidToBeLast: Bool) {
        if status == 101, mayUpgrade {
            phase = .upgraded
            isLast = false
        } else if isSaidToBeLast || isQuiescing {
            isLast = true
        }
    }

    package enum Action: Equatable {
        /// Take the next request.
        case proceed
        /// Call `sent` when the peer has been sent everything.
        case awaitSent
        /// Say that nothing more will come, and discard what arrives.
        case shutDownOutput
        case close
        /// Close at once: what was not sent is lost.
        case abort
        case refuse(ConnectionError)
    }

    /// Takes note that a response is written.
    ///
    /// - Parameter unsent: How many bytes the peer is yet to read.
    package mutating func finishResponse(unsent: Int, at now: NIODeadline) -> Action {
        if unsent > 0, !isAborted { return awaitSent(unsent, at: now) }
        return sent(at: now)
    }

    private mutating func awaitSent(_ unsent: Int, at now: NIODeadline) -> Action {
        phase = .sending
        progress = (unsent, now)
        deadline = now + lookInterval
        return .awaitSent
    }

    /// How often a peer that does not read is looked at.
    private var lookInterval: TimeAmount {
        TimeAmount(min(limits.idleTimeout, limits.stallTimeout) / 4)
    }

    /// Takes note that the peer has been sent everything.
    package mutating func sent(at now: NIODeadline) -> Action {
        if isAborted || (isLast && isInputClosed) {
            phase = .closed
            return .close
        }
        if isLast || isQuiescing {
            phase = .lingering
            deadline = now + TimeAmount(limits.lingering)
            return .shutDownOutput
        }
        phase = .waiting
        deadline = now + TimeAmount(limits.idleTimeout)
        return .proceed
    }

    /// Whether nothing more can come of the connection.
    package var isExhausted: Bool {
        isInputClosed && wantsInput
    }

    /// Ends a connection whose peer will send no more than was looked at.
    package mutating func runOut(unsent: Int, at now: NIODeadline) -> Action {
        isLast = true
        return finishResponse(unsent: unsent, at: now)
    }

    /// Takes note that the peer will send no more than it has.
    package mutating func closeInput() -> Action? {
        isInputClosed = true
        guard phase == .lingering else { return nil }
        phase = .closed
        return .close
    }

    /// Ends the connection as soon as the request that has begun is answered.
    package mutating func quiesce(unsent: Int, at now: NIODeadline) -> Action? {
        isQuiescing = true
        guard phase == .waiting else { return nil }
        return finishResponse(unsent: unsent, at: now)
    }

    /// Ends the connection now, or after the response that is awaited.
    package mutating func abort(isAwaitingResponse: Bool) -> Action? {
        isAborted = true
        isQuiescing = true
        guard !(phase == .responding && isAwaitingResponse) else { return nil }
        phase = .closed
        return .abort
    }

    /// Acts on a deadline that has passed.
    ///
    /// - Parameter unsent: How many bytes the peer is yet to read.
    package mutating func elapse(to now: NIODeadline, unsent: Int, isOverloaded: Bool) -> Action? {
        guard let deadline, now >= deadline else { return nil }
        switch phase {
        case .waiting where unsent > 0 && surplusDeadline == nil:
            // Small responses are not looked after one by one.
            return awaitSent(unsent, at: now)
        case .waiting, .lingering:
            phase = .closed
            return .close
        case .receiving where surplusDeadline == nil:
            fail()
            return .refuse(.bodyTimedOut)
        case .receiving:
            phase = .closed
            return .close
        case .sending:
            if unsent != progress.unsent {
                progress = (unsent, now)
            }
            let patience = isOverloaded ? min(limits.idleTimeout, limits.stallTimeout) : limits.idleTimeout
            if now - progress.at >= TimeAmount(patience) {
                phase = .closed
                return .abort
            }
            self.deadline = min(now + lookInterval, progress.at + TimeAmount(patience))
            return nil
        case .responding, .upgraded, .closed:
            return nil
        }
    }
}

extension HTTPHeaders {
    /// Whether a field that is a list has this token, in any letter case.
    fileprivate func hasToken(_ token: String, in name: String) -> Bool {
        contains(name: name) && self[canonicalForm: name].contains { $0.lowercased() == token }
    }
}
