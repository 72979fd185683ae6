import HTTPConnections
import NIOCore
import NIOHTTP1
import Testing

@Suite struct ConnectionStateTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private let limits: HTTPLimits = {
        var limits = HTTPLimits()
        limits.maximumBodyBytes = 10
        limits.bodyTimeout = .seconds(2)
        limits.idleTimeout = .seconds(4)
        limits.stallTimeout = .seconds(1)
        return limits
    }()

    private func makeState() -> ConnectionState {
        ConnectionState(limits: limits, at: start)
    }

    private func head(
        _ method: HTTPMethod = .GET,
        version: HTTPVersion = .http1_1,
        path: String = "/",
        _ fields: [(String, String)] = []
    ) -> HTTPRequestHead {
        HTTPRequestHead(version: version, method: method, uri: path, headers: HTTPHeaders(fields))
    }

    @discardableResult
    private func receive(
        _ state: inout ConnectionState,
        _ head: HTTPRequestHead,
        isEssential: Bool = false,
        isOverloaded: Bool = false,
        streamTimeout: Duration? = nil,
        at seconds: Double = 0
    ) -> ConnectionState.HeadAction {
        state.receive(
            head,
            isEssential: isEssential,
            isOverloaded: isOverloaded,
            streamTimeout: streamTimeout,
            at: time(seconds)
        )
    }

    private func time(_ seconds: Double) -> NIODeadline {
        start + .nanoseconds(Int64(seconds * 1_000_000_000))
    }

    @Test func `requests follow one another`() {
        var state = makeState()
        for _ in 0..<3 {
            #expect(state.phase == .waiting)
            #expect(receive(&state, head()) == .proceed)
            #expect(state.phase == .receiving)
            state.receiveEnd()
            #expect(!state.wantsInput)
            #expect(state.deadline == nil)
            _ = state.respond(status: 200, isLast: false)
            #expect(!state.isLast)
            #expect(state.finishResponse(unsent: 0, queued: 0, at: start) == .proceed)
        }
    }

    @Test(arguments: [
        ("close", true), ("Close", true), ("keep-alive, CLOSE", true), ("closed", false), ("keep-alive", false),
    ])
    func `the close option is recognized in any case and in a list`(_ value: String, _ isLast: Bool) {
        var state = makeState()
        receive(&state, head(.GET, [("Connection", value)]))
        state.receiveEnd()
        _ = state.respond(status: 200, isLast: false)
        #expect(state.isLast == isLast)
        #expect(state.finishResponse(unsent: 0, queued: 0, at: start) == (isLast ? .shutDownOutput : .proceed))
        #expect(state.discardsInput == isLast)
    }

    @Test func `an HTTP 1.0 request is the last`() {
        var state = makeState()
        let fields = [("Connection", "keep-alive"), ("Expect", "100-continue"), ("Content-Length", "5")]
        #expect(receive(&state, head(.POST, version: .http1_0, fields)) == .proceed)
        #expect(state.isHTTP10)
        #expect(state.isLast)
    }

    @Test(arguments: [
        (["chunked"], true), (["Chunked"], true), (["gzip"], false), (["gzip, chunked"], false),
        (["gzip", "chunked"], false), (["identity"], false), ([""], false), (["chunked, chunked"], false),
    ])
    func `transfer encodings other than chunked are rejected`(_ values: [String], _ isKnown: Bool) {
        var state = makeState()
        let action = receive(&state, head(.POST, values.map { ("Transfer-Encoding", $0) }))
        #expect(action == (isKnown ? .proceed : .refuse(.unknownTransferEncoding)))
        #expect(state.isLast == !isKnown)
    }

    @Test(arguments: [
        ([("Expect", "100-continue"), ("Content-Length", "5")], true),
        ([("Expect", "100-Continue"), ("Transfer-Encoding", "chunked")], true),
        ([("Expect", "100-continue")], false), ([("Expect", "100-continue"), ("Content-Length", "0")], false),
        ([("Expect", "more"), ("Content-Length", "5")], false), ([("Content-Length", "5")], false),
    ])
    func `a client that expects 100-continue is told to continue`(_ fields: [(String, String)], _ isTold: Bool) {
        var state = makeState()
        #expect(receive(&state, head(.POST, fields)) == (isTold ? .proceedAndContinue : .proceed))
    }

    @Test(arguments: ["11", "99999999999999999999999999"])
    func `a body announced as too large is not awaited`(_ length: String) {
        var state = makeState()
        let fields = [("Content-Length", length), ("Expect", "100-continue")]
        #expect(receive(&state, head(.POST, fields)) == .refuse(.bodyTooLarge(limit: 10)))
        #expect(!state.wantsInput)
        #expect(state.isLast)
    }

    @Test func `a body is limited whatever size it announces`() {
        var state = makeState()
        receive(&state, head(.POST, [("Transfer-Encoding", "chunked")]))
        #expect(state.receiveBody(4) == nil)
        #expect(state.receiveBody(6) == nil)
        #expect(state.receiveBody(1) == .bodyTooLarge(limit: 10))
        #expect(!state.wantsInput)
        #expect(state.finishResponse(unsent: 0, queued: 0, at: start) == .shutDownOutput)
    }

    @Test func `the limit applies to each body`() {
        var state = makeState()
        for _ in 0..<3 {
            receive(&state, head(.POST, [("Content-Length", "10")]))
            #expect(state.receiveBody(10) == nil)
            state.receiveEnd()
            #expect(state.finishResponse(unsent: 0, queued: 0, at: start) == .proceed)
        }
    }

    /// Also for a request that was sent long ago, after another one.
    @Test func `each body has its own deadline`() {
        var state = makeState()
        receive(&state, head(.POST, [("Content-Length", "5")]), at: 0)
        #expect(state.deadline == time(2))
        #expect(state.elapse(to: time(1.9), unsent: 0, queued: 0, isOverloaded: false) == nil)
        state.receiveEnd()
        #expect(state.elapse(to: time(100), unsent: 0, queued: 0, isOverloaded: false) == nil)
        #expect(state.finishResponse(unsent: 0, queued: 0, at: time(100)) == .proceed)
        receive(&state, head(.POST, [("Content-Length", "5")]), at: 100)
        #expect(state.elapse(to: time(101.9), unsent: 0, queued: 0, isOverloaded: false) == nil)
        #expect(state.elapse(to: time(102), unsent: 0, queued: 0, isOverloaded: false) == .refuse(.bodyTimedOut))
        #expect(state.isLast)
    }

    @Test func `a connection without a request is closed`() {
        var state = makeState()
        #expect(state.elapse(to: time(3.9), unsent: 0, queued: 0, isOverloaded: false) == nil)
        #expect(state.elapse(to: time(4), unsent: 0, queued: 0, isOverloaded: false) == .close)
        #expect(state.phase == .closed)
    }

    @Test func `a peer that reads is awaited however slowly it reads`() {
        var state = makeState()
        receive(&state, head())
        state.receiveEnd()
        #expect(state.finishResponse(unsent: 1_000, queued: 0, at: start) == .awaitSent)
        for second in 1..<1_000 {
            let unsent = 1_000 - second
            #expect(state.elapse(to: time(Double(second)), unsent: unsent, queued: 0, isOverloaded: true) == nil)
        }
        #expect(state.sent(queued: 0, at: time(1_000)) == .proceed)
        #expect(state.deadline == time(1_004))
    }

    @Test(arguments: [(false, 4.0), (true, 1.0)])
    func `a peer that reads nothing is cut off`(_ isOverloaded: Bool, _ timeout: Double) throws {
        var state = makeState()
        receive(&state, head())
        state.receiveEnd()
        #expect(state.finishResponse(unsent: 1_000, queued: 0, at: start) == .awaitSent)
        #expect(!state.wantsInput)
        #expect(state.elapse(to: time(1), unsent: 999, queued: 0, isOverloaded: false) == nil)
        let deadline = try #require(state.deadline)
        #expect(deadline < time(1 + timeout))
        #expect(state.elapse(to: time(1 + timeout - 0.1), unsent: 999, queued: 0, isOverloaded: isOverloaded) == nil)
        #expect(state.elapse(to: time(1 + timeout), unsent: 999, queued: 0, isOverloaded: isOverloaded) == .abort)
    }

    @Test func `small unread responses are noticed before the connection is closed`() {
        var state = makeState()
        receive(&state, head())
        state.receiveEnd()
        #expect(state.finishResponse(unsent: 0, queued: 0, at: start) == .proceed)
        #expect(state.elapse(to: time(4), unsent: 7, queued: 0, isOverloaded: false) == .awaitSent)
        #expect(state.elapse(to: time(7.9), unsent: 7, queued: 0, isOverloaded: false) == nil)
        #expect(state.elapse(to: time(8), unsent: 7, queued: 0, isOverloaded: false) == .abort)
    }

    @Test func `a connection closes once the kernel has little left to send`() {
        var state = makeState()
        receive(&state, head(.GET, [("Connection", "close")]))
        state.receiveEnd()
        #expect(state.finishResponse(unsent: 0, queued: 200_000, at: start) == nil)
        #expect(state.deadline == time(0.1))
        #expect(state.elapse(to: time(3.9), unsent: 0, queued: 100_000, isOverloaded: false) == nil)
        #expect(state.closeInput() == nil)
        var stalled = state
        #expect(stalled.elapse(to: time(7.8), unsent: 0, queued: 100_000, isOverloaded: false) == nil)
        #expect(stalled.elapse(to: time(7.9), unsent: 0, queued: 100_000, isOverloaded: false) == .abort)
        #expect(state.elapse(to: time(7.8), unsent: 0, queued: 16_384, isOverloaded: false) == .close)
    }

    @Test func `an idle connection is not closed while its last response is being read`() {
        var state = makeState()
        receive(&state, head())
        state.receiveEnd()
        #expect(state.finishResponse(unsent: 0, queued: 0, at: start) == .proceed)
        #expect(state.elapse(to: time(4), unsent: 0, queued: 200_000, isOverloaded: false) == nil)
        #expect(state.elapse(to: time(7.9), unsent: 0, queued: 199_999, isOverloaded: false) == nil)
        var stalled = state
        #expect(stalled.elapse(to: time(11.9), unsent: 0, queued: 199_999, isOverloaded: false) == .abort)
        #expect(state.elapse(to: time(11.9), unsent: 0, queued: 0, isOverloaded: false) == .shutDownOutput)
    }

    @Test func `the requests of a half-closed client are answered`() {
        var state = makeState()
        receive(&state, head())
        state.receiveEnd()
        #expect(state.closeInput() == nil)
        #expect(!state.isExhausted)
        #expect(state.finishResponse(unsent: 5, queued: 0, at: start) == .awaitSent)
        #expect(state.sent(queued: 0, at: start) == .proceed)
        #expect(state.isExhausted)
        #expect(state.runOut(unsent: 3, queued: 0, at: start) == .awaitSent)
        #expect(state.sent(queued: 0, at: start) == .close)
    }

    @Test func `a half-closed connection is closed without lingering`() {
        var state = makeState()
        receive(&state, head(.GET, [("Connection", "close")]))
        state.receiveEnd()
        #expect(state.closeInput() == nil)
        #expect(state.finishResponse(unsent: 0, queued: 0, at: start) == .close)
    }

    @Test func `a client has a moment to read the last response`() {
        var state = makeState()
        receive(&state, head(.GET, [("Connection", "close")]))
        state.receiveEnd()
        #expect(state.finishResponse(unsent: 0, queued: 0, at: start) == .shutDownOutput)
        #expect(state.elapse(to: time(1.9), unsent: 0, queued: 0, isOverloaded: false) == nil)
        var other = state
        #expect(other.closeInput() == .close)
        #expect(state.elapse(to: time(2), unsent: 0, queued: 0, isOverloaded: false) == .close)
    }

    @Test func `a handshake has its own deadline`() {
        var limits = self.limits
        limits.handshakeTimeout = .seconds(1)
        var late = ConnectionState(limits: limits, isEncrypted: true, at: start)
        #expect(late.deadline == time(1))
        #expect(late.elapse(to: time(1), unsent: 0, queued: 0, isOverloaded: false) == .close)

        var inTime = ConnectionState(limits: limits, isEncrypted: true, at: start)
        inTime.finishHandshake(at: time(0.5))
        #expect(inTime.deadline == time(4.5))

        var surplus = ConnectionState(limits: limits, isEncrypted: true, at: start)
        surplus.markSurplus(at: start)
        let deadline = surplus.deadline
        surplus.finishHandshake(at: time(0.5))
        #expect(surplus.deadline == deadline)
    }

    @Test func `a shutdown closes idle connections and lets the others finish their request`() {
        var idle = makeState()
        #expect(idle.quiesce(unsent: 0, queued: 0, at: start) == .shutDownOutput)
        var busy = makeState()
        receive(&busy, head())
        #expect(busy.quiesce(unsent: 0, queued: 0, at: start) == nil)
        busy.receiveEnd()
        _ = busy.respond(status: 200, isLast: false)
        #expect(busy.isLast)
        #expect(busy.finishResponse(unsent: 0, queued: 0, at: start) == .shutDownOutput)
    }

    @Test func `after the grace period, only responses in progress delay the shutdown`() {
        var waiting = makeState()
        #expect(waiting.abort(isAwaitingResponse: false) == .abort)
        var sending = makeState()
        receive(&sending, head())
        sending.receiveEnd()
        _ = sending.finishResponse(unsent: 1, queued: 0, at: start)
        #expect(sending.abort(isAwaitingResponse: false) == .abort)
        var responding = makeState()
        receive(&responding, head())
        responding.receiveEnd()
        #expect(responding.abort(isAwaitingResponse: true) == nil)
        #expect(responding.finishResponse(unsent: 1, queued: 0, at: start) == .close)
        var streaming = makeState()
        receive(&streaming, head())
        streaming.receiveEnd()
        #expect(streaming.abort(isAwaitingResponse: false) == .abort)
    }

    @Test func `a connection over the limit serves only essential requests`() {
        var state = makeState()
        state.markSurplus(at: start)
        #expect(receive(&state, head()) == .refuse(.tooManyConnections))
        state = makeState()
        state.markSurplus(at: start)
        #expect(receive(&state, head(), isEssential: true) == .proceed)
        #expect(state.isLast)
        state = makeState()
        state.markSurplus(at: start)
        #expect(state.elapse(to: time(4.9), unsent: 0, queued: 0, isOverloaded: false) == nil)
        #expect(state.elapse(to: time(5), unsent: 0, queued: 0, isOverloaded: false) == .close)
    }

    @Test func `an overloaded server serves only essential requests`() {
        var state = makeState()
        #expect(receive(&state, head(), isEssential: true, isOverloaded: true) == .proceed)
        state.receiveEnd()
        #expect(state.finishResponse(unsent: 0, queued: 0, at: start) == .proceed)
        #expect(receive(&state, head(), isOverloaded: true) == .refuse(.tooManyUnsentBytes))
    }

    private let upgrade = [("Upgrade", "websocket"), ("Connection", "upgrade")]

    @Test func `an accepted upgrade ends HTTP`() {
        var state = makeState()
        receive(&state, head(.GET, upgrade))
        state.receiveEnd()
        _ = state.respond(status: 101, isLast: false)
        #expect(state.phase == .upgraded)
        #expect(!state.isLast)
        #expect(state.quiesce(unsent: 0, queued: 0, at: start) == nil)
        #expect(state.closeInput() == nil)
        #expect(state.elapse(to: time(1_000), unsent: 9, queued: 0, isOverloaded: true) == nil)
    }

    @Test func `a rejected upgrade is the last response`() {
        var state = makeState()
        receive(&state, head())
        state.receiveEnd()
        _ = state.respond(status: 200, isLast: false)
        #expect(!state.isLast)
        #expect(state.finishResponse(unsent: 0, queued: 0, at: start) == .proceed)
        receive(&state, head(.GET, upgrade))
        state.receiveEnd()
        _ = state.respond(status: 426, isLast: false)
        #expect(state.isLast)
        #expect(state.finishResponse(unsent: 0, queued: 0, at: start) == .shutDownOutput)
    }

    @Test func `only a client that asked for an upgrade gets one`() {
        for head in [head(), head(.GET, version: .http1_0, upgrade)] {
            var state = makeState()
            receive(&state, head)
            state.receiveEnd()
            _ = state.respond(status: 101, isLast: false)
            #expect(state.phase == .responding)
        }
    }

    // MARK: Streamed bodies

    private let chunked = [("Transfer-Encoding", "chunked")]

    /// A state whose request streams its body, before the handler wants it.
    private func makeStreamingState(_ fields: [(String, String)]? = nil) -> ConnectionState {
        var state = makeState()
        #expect(receive(&state, head(.POST, fields ?? chunked), streamTimeout: .seconds(3)) == .stream)
        #expect(state.phase == .streaming)
        return state
    }

    @Test func `a streamed body is read when the handler wants it`() {
        var state = makeStreamingState()
        #expect(!state.wantsInput)
        #expect(state.wantBody(at: start) == nil)
        #expect(state.wantsInput)
        state.passBody(wantsMore: false, at: start)
        #expect(!state.wantsInput)
        #expect(state.wantBody(at: start) == nil)
        state.receiveEnd()
        #expect(state.respond(status: 200, isLast: false) == nil)
        #expect(state.finishResponse(unsent: 0, queued: 0, at: start) == .proceed)
        #expect(!state.discardsInput)
    }

    @Test(arguments: [[], [("Content-Length", "0")]])
    func `a request without a body is not asked whether it streams`(_ fields: [(String, String)]) {
        var state = makeState()
        func ask() -> Duration? {
            Issue.record("asked")
            return nil
        }
        let action = state.receive(
            head(.POST, fields),
            isEssential: false,
            isOverloaded: false,
            streamTimeout: ask(),
            at: start
        )
        #expect(action == .proceed)
    }

    @Test func `a streamed body may have any length`() {
        var state = makeStreamingState([("Content-Length", "11000000000")])
        _ = state.wantBody(at: start)
        state.passBody(wantsMore: true, at: start)
        #expect(state.phase == .streaming)
    }

    @Test func `a body in an unknown encoding does not stream`() {
        var state = makeState()
        let gzip = head(.POST, [("Transfer-Encoding", "gzip")])
        #expect(receive(&state, gzip, streamTimeout: .seconds(3)) == .refuse(.unknownTransferEncoding))
    }

    @Test func `a connection over the limit has no streamed bodies`() {
        var state = makeState()
        state.markSurplus(at: start)
        #expect(receive(&state, head(.POST, chunked), isEssential: true, streamTimeout: .seconds(3)) == .proceed)
    }

    @Test func `only a client that is waited for can be late`() {
        var state = makeStreamingState()
        #expect(state.deadline == nil)
        #expect(state.wantBody(at: time(10)) == nil)
        #expect(state.deadline == time(13))
        state.passBody(wantsMore: true, at: time(12))
        #expect(state.deadline == time(15))
        state.passBody(wantsMore: false, at: time(14))
        #expect(state.deadline == nil)
        #expect(state.wantBody(at: time(100)) == nil)
        #expect(state.elapse(to: time(102.9), unsent: 0, queued: 0, isOverloaded: false) == nil)
        #expect(state.elapse(to: time(103), unsent: 0, queued: 0, isOverloaded: false) == .endBody(.timedOut))
        #expect(state.deadline == nil)
        #expect(state.finishResponse(unsent: 0, queued: 0, at: time(104)) == .shutDownOutput)
    }

    @Test func `a client is told to continue once when its streamed body is wanted`() {
        var state = makeStreamingState(chunked + [("Expect", "100-continue")])
        #expect(state.wantBody(at: start) == .sendContinue)
        state.passBody(wantsMore: false, at: start)
        #expect(state.wantBody(at: start) == nil)
    }

    @Test func `an early response ends a streamed body and the connection`() {
        var state = makeStreamingState()
        #expect(state.respond(status: 409, isLast: false) == .endBody(.responded))
        #expect(state.isLast)
        #expect(state.discardsInput)
        #expect(state.wantBody(at: start) == nil)
        #expect(state.finishResponse(unsent: 1, queued: 0, at: start) == .awaitSent)
        #expect(state.discardsInput)
        #expect(state.sent(queued: 0, at: start) == .shutDownOutput)
        #expect(state.deadline == time(2))
    }

    @Test func `the handler learns that its client has closed its side and responds`() {
        var state = makeStreamingState()
        #expect(state.closeInput() == nil)
        #expect(!state.isExhausted, "the handler wants nothing yet, and more may have arrived")
        _ = state.wantBody(at: start)
        #expect(state.isExhausted)
        #expect(state.runOut(unsent: 0, queued: 0, at: start) == .endBody(.disconnected))
        #expect(!state.isExhausted)
        #expect(state.respond(status: 200, isLast: false) == nil)
        #expect(state.finishResponse(unsent: 0, queued: 0, at: start) == .close)
    }

    @Test func `a shutdown ends a streamed body and awaits the response`() {
        var state = makeStreamingState()
        var aborted = state
        #expect(state.quiesce(unsent: 0, queued: 0, at: start) == .endBody(.shuttingDown))
        #expect(state.abort(isAwaitingResponse: true) == nil)
        #expect(state.finishResponse(unsent: 0, queued: 0, at: start) == .close)
        #expect(aborted.abort(isAwaitingResponse: true) == .endBody(.shuttingDown))
        #expect(aborted.finishResponse(unsent: 0, queued: 0, at: start) == .close)
    }

    @Test func `a request with a streamed body gets no upgrade`() {
        var state = makeStreamingState(chunked + upgrade)
        _ = state.wantBody(at: start)
        state.receiveEnd()
        #expect(state.respond(status: 101, isLast: false) == nil)
        #expect(state.phase == .responding)
        #expect(state.isLast)
    }
}
