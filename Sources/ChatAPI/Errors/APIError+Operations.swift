import ChatDomain
import ChatIdentity
import ChatOperations
import HTTPConnections
import HTTPTypes
import Logging

extension APIError {
    init(_ error: OperationError) {
        switch error {
        case .epochChanged(let epoch):
            self.init(
                status: .conflict,
                code: "epoch_changed",
                detail: "The position belongs to another epoch. Read the chat again and continue in epoch \(epoch.text)"
            )
        case .cursorExpired(let epoch):
            self.init(
                status: .conflict,
                code: "epoch_changed",
                detail: "The cursor belongs to another epoch. Start again without it, in epoch \(epoch.text)"
            )
        case .textTooShort(let length):
            self.init(
                status: .conflict,
                code: "offset_mismatch",
                detail: "The text has only \(length) characters",
                length: length
            )
        }
    }

    init(_ rejection: AppendRejection) {
        switch rejection {
        case .offsetMismatch(let length):
            self.init(
                status: .conflict,
                code: "offset_mismatch",
                detail: "The text belongs elsewhere: continue at \(length)",
                length: length
            )
        case .tooLong:
            self.init(
                status: .contentTooLarge,
                code: "message_too_long",
                detail: "The text of a message has at most \(StreamedText.maximumLength) characters"
            )
        }
    }

    /// Nil if there is nobody to tell.
    init?(_ error: StreamedBodyError) {
        switch error {
        case .malformed: self.init(status: .badRequest, code: "bad_request", detail: "Invalid HTTP request received.")
        case .timedOut:
            self.init(status: .requestTimeout, code: "request_timeout", detail: "The request did not arrive in time")
        case .shuttingDown: self = .unavailable
        case .disconnected, .responded: return nil
        }
    }

    init(_ error: CredentialError) {
        self.init(
            status: .unauthorized,
            code: error.code,
            detail: error.reason,
            // RFC 6750: no error code if there was no credential.
            headers: [.wwwAuthenticate: error == .tokenMissing ? "Bearer" : #"Bearer error="invalid_token""#]
        )
    }

    init(_ error: ActAsError) {
        switch error {
        case .notAllowed:
            self.init(
                status: .forbidden,
                code: "act_as_not_allowed",
                detail: "Act-As needs a server key with the scope admin or post"
            )
        case .invalidUser:
            self.init(
                status: .badRequest,
                code: "invalid_act_as",
                detail: "Act-As must be a user's id: 1 to 128 visible ASCII characters"
            )
        case .userDeactivated:
            self.init(status: .forbidden, code: "user_deactivated", detail: "The user in Act-As is deactivated")
        }
    }

    /// The response to an error of a store; details that clients must not see go to the log.
    init(_ error: StoreError, logger: Logger) {
        switch error {
        case .chatNotFound: self = .chatNotFound
        case .messageNotFound: self = .messageNotFound
        case .userNotFound: self = .userNotFound
        case .memberNotFound: self = .memberNotFound
        case .lastOwner: self = .lastOwner
        case .webhookNotFound: self = .webhookNotFound
        case .tooManyWebhooks: self = .tooManyWebhooks
        case .forbidden: self = .forbidden
        case .revisionMismatch: self = .revisionMismatch
        case .messageOpen: self = .messageOpen
        case .messageNotOpen: self = .messageNotOpen
        case .writerReplaced: self = .writerReplaced
        case .tooManyOpenMessages: self = .tooManyOpenMessages
        case .tooManyHeldMessages: self = .tooManyOpenMessagesOnServer
        case .tooSoon(let seconds): self = .slowMode(seconds: seconds)
        case .idempotencyKeyReused: self = .idempotencyKeyReused
        case .unavailable(let reason), .schemaMismatch(let reason):
            logger.warning("Store unavailable", metadata: ["reason": "\(reason)"])
            self = .unavailable
        case .outcomeUnknown(let reason):
            logger.warning("Outcome unknown", metadata: ["reason": "\(reason)"])
            self = .outcomeUnknown
        case .searchTimedOut:
            logger.warning("Search timed out", metadata: ["reason": "\(error.reason)"])
            self = .searchTimedOut
        case .failed, .invalidValue, .replyTargetNotFound:
            logger.error("Request failed", metadata: ["reason": "\(error)"])
            self = .internalError
        }
    }
}
