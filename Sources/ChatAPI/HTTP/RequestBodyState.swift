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
        case discard
        case fail(RequestBodyError)
    }

    mutating func receive(_ part: HTTPRequestPart) -> Action {
        guard !hasFailed else { return .discard }
        switch part {
        case .head:
            received = 0
            isAwaitingBody = true
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
