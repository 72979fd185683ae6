/// What came of one request to a receiver.
package enum RequestOutcome: Equatable, Sendable {
    case response(WebhookResponse)
    /// Nothing was sent, or no response came.
    case failure(WebhookTarget.Problem)

    /// One line for operators; nil if the receiver has accepted the request.
    package var error: String? {
        switch self {
        case .response(let response): (200..<300).contains(response.status) ? nil : "HTTP status \(response.status)"
        case .failure(let problem): problem.reason
        }
    }
}

/// The head of a response, as far as it matters.
package struct WebhookResponse: Equatable, Sendable {
    package let status: Int
    /// The header `Retry-After`.
    package let retryAfter: String?

    package init(status: Int, retryAfter: String? = nil) {
        self.status = status
        self.retryAfter = retryAfter
    }
}
