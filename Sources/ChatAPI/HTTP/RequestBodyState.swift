import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Why a request's body was given up.
enum RequestBodyError: Error {
    case tooLarge(limit: Int)
    case timedOut
}

/// What `RequestBodyGuard` decides, without its I/O.
struct RequestBodyState {
    private let maximumBytes: Int
    private var received = 0
    private(set) var isAwaitingBody = false
    private(set) var hasFailed = false

    init(maximumBytes: Int) {
        self.maximumBytes = maximumBytes
    }

    enum Action {
        case forward
        /// Forward it, and tell the client, which waits for that, to send the body.
        case forwardAndContinue
        case discard
        case fail(RequestBodyError)
        /// Forward the head, so that somebody answers, and fail then.
        case forwardAndFail(RequestBodyError)
    }

    mutating func receive(_ part: HTTPRequestPart) -> Action {
        guard !hasFailed else { return .discard }
        switch part {
        case .head(let head):
            received = 0
            if let announced = head.headerFields[.contentLength].flatMap(Int.init), announced > maximumBytes {
                hasFailed = true
                return .forwardAndFail(.tooLarge(limit: maximumBytes))
            }
            isAwaitingBody = true
            if head.headerFields[.expect]?.lowercased() == "100-continue" { return .forwardAndContinue }
        case .body(let bytes):
            received += bytes.readableBytes
            if received > maximumBytes {
                isAwaitingBody = false
                hasFailed = true
                return .fail(.tooLarge(limit: maximumBytes))
            }
        case .end:
            isAwaitingBody = false
        }
        return .forward
    }

    /// Gives the request up, unless its body has arrived after all.
    mutating func timeOut() -> Bool {
        guard isAwaitingBody else { return false }
        isAwaitingBody = false
        hasFailed = true
        return true
    }
}
