import ChatDomain
import ChatIdentity
import ChatOperations
import ChatWire
import Logging
import NIOCore

/// The answer to a request over a WebSocket.
struct SocketAnswer: Sendable {
    let bytes: ByteBuffer
    /// The code of an error, for the access log; nil for success.
    private(set) var code: String?

    /// - Parameter members: Writes the members after `ref`, `op` and `ok`.
    init(_ mark: SocketRequest.Mark, isSuccess: Bool = true, _ members: (inout JSONWriter) -> Void = { _ in }) {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("ref", mark.reference)
            writer.member("op", ifPresent: mark.operation)
            writer.member("ok", isSuccess)
            members(&writer)
        }
        bytes = writer.buffer
    }

    /// An error, with the same `code` and `detail` as over HTTP.
    init(_ mark: SocketRequest.Mark, _ error: any Error, logger: Logger) {
        switch error {
        case let error as ValidationError: self.init(mark, error)
        case StoreError.replyTargetNotFound(let id): self.init(mark, ValidationError.replyTargetNotFound(id))
        case let error as PositionBeyondEnd: self.init(mark, ValidationError(error, at: ["body", "after"]))
        case let error as APIError: self.init(mark, error)
        case let error as CredentialError: self.init(mark, APIError(error))
        case let error as OperationError: self.init(mark, APIError(error))
        case let error as StoreError: self.init(mark, APIError(error, logger: logger))
        case let rejection as AppendRejection: self.init(mark, APIError(rejection))
        default:
            logger.error("Request failed", metadata: ["reason": "\(error)"])
            self.init(mark, APIError.internalError)
        }
    }

    private init(_ mark: SocketRequest.Mark, _ error: APIError) {
        self.init(mark, isSuccess: false) { writer in
            writer.member("code", error.code)
            writer.member("detail", error.detail)
            writer.member("length", ifPresent: error.length)
            writer.member("retry_after", ifPresent: error.retryAfter)
        }
        code = error.code
    }

    private init(_ mark: SocketRequest.Mark, _ error: ValidationError) {
        self.init(mark, isSuccess: false) { writer in
            writer.member("code", ValidationError.code)
            writer.member("detail", error.issues)
        }
        code = ValidationError.code
    }
}
